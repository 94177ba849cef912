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

---@param folder string
---@return boolean
local function is_absolute(folder)
  if vim.fn.has('win32') == 1 then
    return folder:match('^%a:[/\\]') ~= nil or folder:match('^[/\\][/\\]') ~= nil
  end
  return vim.startswith(folder, '/')
end

--- What stands for the server where there is none: never its bare name, and a folder that is the user's alone.
---@return string
local function nowhere()
  return vim.fs.joinpath(vim.fn.stdpath('data'), NAME)
end

--- The server's program, looked for where PATH names a folder in full. Windows looks for a bare name in the current
--- folder first, and other systems do so where PATH says it: a project that was merely opened could bring its own.
---@return string
function M.executable()
  local separator = vim.fn.has('win32') == 1 and ';' or ':'
  for _, entry in ipairs(vim.split(vim.env.PATH or '', separator, { plain = true })) do
    local folder = entry:gsub('"', '') -- Windows allows quotes around a folder
    local found = is_absolute(folder) and vim.fn.exepath(vim.fs.joinpath(folder, NAME)) or ''
    if found ~= '' then
      return found
    end
  end
  return nowhere()
end

--- The first word of the server's command where it cannot be run.
---@return string?
function M.missing_executable()
  local config = vim.lsp.config[NAME]
  local cmd = config and config.cmd
  if type(cmd) == 'table' and vim.fn.executable(cmd[1]) == 0 then
    return cmd[1] == nowhere() and NAME or cmd[1]
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
---@field failed? fun(message: string) called after the error was shown

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
      return command.failed and command.failed(err.message)
    end
    done(result or {})
  end, bufnr)
  return id
end

return M
