--- Other answers for the same place: `kodopis.variants`.

local messages = require('kodopis.messages')
local options = require('kodopis.options')
local server = require('kodopis.server')
local Suggestion = require('kodopis.suggestion')

local M = {}

---@param session kodopis.Session
---@param step integer
local function turn(session, step)
  session.index = (session.index - 1 + step) % #session.suggestions + 1
  session:show()
end

--- The items that differ from what is shown, after it.
---@param session kodopis.Session
---@param found lsp.InlineCompletionItem[]
---@param origin kodopis.Origin
---@return lsp.InlineCompletionItem[] items
---@return boolean has_shown whether the first is the one shown so far
local function with_shown(session, found, origin)
  local rest, cursor = session:shown()
  local encoding = session.client.offset_encoding
  if not rest or rest == '' or not cursor then
    return found, false
  end
  local shown = session.suggestions[session.index]
  local items = { Suggestion.to_item(session.bufnr, shown, rest, cursor, encoding) }
  for _, item in ipairs(found) do
    local other = Suggestion.from_item(session.bufnr, item, origin, encoding)
    if other and Suggestion.rest(session.bufnr, other, cursor, false) ~= rest then
      table.insert(items, item)
    end
  end
  return items, true
end

---@param session kodopis.Session
---@param place kodopis.Place
---@param changedtick integer
---@param found lsp.InlineCompletionItem[]
local function received(session, place, changedtick, found)
  local is_here = vim.api.nvim_get_mode().mode:match('^i') and vim.deep_equal(Suggestion.cursor(session.bufnr), place)
  if not is_here or vim.b[session.bufnr].changedtick ~= changedtick then
    return
  end
  local origin = Suggestion.origin(session.bufnr, place, session.client.offset_encoding)
  local items, has_shown = with_shown(session, found, origin)
  if #items < (has_shown and 2 or 1) then
    return messages.notify(messages.text('no_variants'))
  end
  session:offer(items, origin, has_shown and 2 or 1)
end

--- Show the next or the previous answer; ask the server for others while there is only one.
---@param session kodopis.Session
---@param step integer
---@return boolean
function M.show(session, step)
  if #session.suggestions > 1 then
    turn(session, step)
    return true
  end
  if session:is_pending(session.variants_id) then
    return true
  end
  local place = Suggestion.cursor(session.bufnr)
  if not place or not session.deliver then
    return false
  end
  local position = vim.lsp.util.make_position_params(0, session.client.offset_encoding)
  local argument = vim.tbl_extend('error', position, { count = options.get().variants })
  local changedtick = vim.b[session.bufnr].changedtick
  messages.notify(messages.text('waiting_variants'))
  local command = { name = 'variants', argument = argument } ---@type kodopis.Command
  session.variants_id = server.execute(session.client, session.bufnr, command, function(result)
    received(session, place, changedtick, result.items or {})
  end)
  return true
end

return M
