--- `kodopis/partial`: answers while they grow, given to whoever asked for them.

local Session = require('kodopis.session')

local M = {}

---@class kodopis.Partial
---@field textDocument? { uri: string, version: integer }
---@field position? lsp.Position
---@field range? lsp.Range
---@field token? string|integer
---@field text string
---@field done boolean

---@type table<string|integer, fun(text: string)>
local listeners = {}

--- Hear the texts that come for a command's `partialToken`; nil to hear no more.
---@param token string|integer
---@param listener? fun(text: string)
function M.listen(token, listener)
  listeners[token] = listener
end

---@param params kodopis.Partial
---@param _ lsp.HandlerContext
function M.received(params, _)
  if params.token ~= nil then
    local listener = listeners[params.token]
    return listener and listener(params.text)
  end
  local session = params.textDocument and params.position and Session.asking(params.textDocument.uri, params.position)
  -- after a question's last partial comes its answer, which says the same
  if session and session:is_growing() and params.range and not params.done then
    session:offer({ { insertText = params.text, range = params.range } }, session.question.origin)
  end
end

return M
