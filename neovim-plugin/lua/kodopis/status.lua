--- `kodopis/status`: what the server is doing, for the status line.

local messages = require('kodopis.messages')

local M = {}

---@class kodopis.Status
---@field state 'off'|'starting'|'downloading'|'loading'|'ready'|'thinking'|'error'
---@field model string
---@field remote boolean
---@field percent? number
---@field message? string
---@field tokensPerSecond? number

---@type { status: kodopis.Status, client_id: integer }?
local latest

---@param status kodopis.Status
local function tell(status)
  vim.api.nvim_exec_autocmds('User', { pattern = 'KodopisStatus', data = status, modeline = false })
  vim.schedule(function()
    vim.cmd.redrawstatus()
  end)
end

--- Keep what the server says, and tell status lines to look again.
---@param status kodopis.Status
---@param client_id integer
function M.update(status, client_id)
  latest = { status = status, client_id = client_id }
  tell(status)
end

--- A server has ended, and what it said of itself is no longer so.
---@param client_id integer
function M.ended(client_id)
  if latest and latest.client_id == client_id then
    latest = nil
    tell({ state = 'off', model = '', remote = false })
  end
end

--- A state in a few words.
---@param status kodopis.Status
---@return string
function M.describe(status)
  local parts = { messages.text('name') .. ':', messages.text('state_' .. status.state) }
  if status.percent then
    table.insert(parts, ('%d %%'):format(status.percent))
  end
  if status.model and status.model ~= '' then
    table.insert(parts, '· ' .. status.model)
  end
  if status.remote then
    table.insert(parts, '(' .. messages.text('remote') .. ')')
  end
  return table.concat(parts, ' ')
end

--- For a status line: '' before the server has said anything, and after it has ended.
---@return string
function M.text()
  return latest and M.describe(latest.status) or ''
end

return M
