--- The server behind a buffer: finding it, telling the user where there is none, running its commands.

local messages = require('kodopis.messages')

local M = {}

local NAME = 'kodopis'
local has_warned = false

--- The client of a buffer; says so where there is none.
---@param bufnr integer
---@return vim.lsp.Client?
function M.client(bufnr)
  local client = vim.lsp.get_clients({ name = NAME, bufnr = bufnr })[1]
  if not client then
    messages.notify(messages.text('not_attached'), vim.log.levels.WARN)
  end
  return client
end

--- Whether `vim.lsp.enable('kodopis')` was called.
---@return boolean
function M.is_enabled()
  if vim.lsp.is_enabled then
    return vim.lsp.is_enabled(NAME)
  end
  return vim.tbl_get(vim.lsp, '_enabled_configs', NAME) ~= nil -- Neovim 0.11 has no other way to ask
end

--- The first word of the server's command where it cannot be run.
---@return string?
function M.missing_executable()
  local config = vim.lsp.config[NAME]
  local cmd = config and config.cmd
  if type(cmd) == 'table' and vim.fn.executable(cmd[1]) == 0 then
    return cmd[1]
  end
end

--- Neovim only writes to its log when a server's command does not exist.
function M.warn_if_missing()
  local missing = not has_warned and M.is_enabled() and M.missing_executable()
  if missing then
    has_warned = true
    messages.notify(messages.text('no_server', missing), vim.log.levels.WARN)
  end
end

---@class kodopis.Command
---@field name string without `kodopis.`
---@field argument? table
---@field failed? fun() called after the error was shown

--- Run a server's command; errors are shown to the user.
---@param client vim.lsp.Client
---@param bufnr integer
---@param command kodopis.Command
---@param done fun(result: table)
---@return integer? request_id
function M.execute(client, bufnr, command, done)
  local params = {
    command = 'kodopis.' .. command.name,
    arguments = { command.argument or vim.empty_dict() },
  }
  local _, id = client:request('workspace/executeCommand', params, function(err, result)
    if err then
      messages.notify(err.message, vim.log.levels.ERROR)
      return command.failed and command.failed()
    end
    done(result or {})
  end, bufnr)
  return id
end

return M
