--- `:Kodopis …`: what each word does, and their completion.

local messages = require('kodopis.messages')
local server = require('kodopis.server')

local M = {}

---@class kodopis.Context
---@field client vim.lsp.Client
---@field bufnr integer
---@field command vim.api.keyset.create_user_command.command_args
---@field argument? string the second word

--- The lines that a command was given; the cursor's where it was given none.
---@param context kodopis.Context
---@return lsp.Range
local function lines_of(context)
  local command, encoding = context.command, context.client.offset_encoding
  local last = vim.api.nvim_buf_get_lines(context.bufnr, command.line2 - 1, command.line2, false)[1] or ''
  return {
    start = { line = command.line1 - 1, character = 0 },
    ['end'] = { line = command.line2 - 1, character = vim.str_utfindex(last, encoding) },
  }
end

--- The lines that a command was given, or the cursor's place where it was given none: the server knows its function.
---@param context kodopis.Context
---@return lsp.Range
local function range_of(context)
  if context.command.range > 0 then
    return lines_of(context)
  end
  local position = vim.lsp.util.make_position_params(0, context.client.offset_encoding).position
  return { start = position, ['end'] = position }
end

--- What Neovim reports about the lines of a range; of an empty one about the whole buffer: which lines the server will
--- rewrite, it alone knows.
---@param context kodopis.Context
---@param range lsp.Range
---@return { message: string, range: lsp.Range }[]
local function diagnostics_in(context, range)
  local found = {}
  local is_empty = vim.deep_equal(range.start, range['end'])
  for _, diagnostic in ipairs(vim.diagnostic.get(context.bufnr)) do
    local last = diagnostic.end_lnum or diagnostic.lnum
    if is_empty or (diagnostic.lnum <= range['end'].line and last >= range.start.line) then
      local lines = vim.api.nvim_buf_get_lines(context.bufnr, diagnostic.lnum, last + 1, false)
      local function position(line, col)
        local text = lines[line - diagnostic.lnum + 1] or ''
        local encoding = context.client.offset_encoding
        return { line = line, character = vim.str_utfindex(text, encoding, math.min(col, #text), false) }
      end
      table.insert(found, {
        message = diagnostic.message,
        range = {
          start = position(diagnostic.lnum, diagnostic.col),
          ['end'] = position(last, diagnostic.end_col or diagnostic.col),
        },
      })
    end
  end
  return found
end

---@param context kodopis.Context
---@param name string
---@param argument table
local function edit(context, name, argument)
  argument.textDocument = { uri = vim.uri_from_bufnr(context.bufnr) }
  server.execute(context.client, context.bufnr, { name = name, argument = argument }, function(result)
    if not result.applied then
      messages.notify(messages.text('not_applied'), vim.log.levels.WARN)
    end
  end)
end

---@param context kodopis.Context
---@param name string
---@param told fun(result: table): string
local function tell(context, name, told)
  server.execute(context.client, context.bufnr, { name = name }, function(result)
    messages.notify(told(result))
  end)
end

---@type table<string, fun(context: kodopis.Context)>
local actions = {
  write = function(context)
    edit(context, 'write', { position = range_of(context).start })
  end,
  docstring = function(context)
    edit(context, 'docstring', { position = range_of(context).start })
  end,
  tests = function(context)
    edit(context, 'tests', { range = range_of(context) })
  end,
  fix = function(context)
    local range = range_of(context)
    edit(context, 'fix', { range = range, diagnostics = diagnostics_in(context, range) })
  end,
  explain = function(context)
    require('kodopis.explain').explain(context.client, context.bufnr, lines_of(context))
  end,
  model = function(context)
    require('kodopis.model').choose(context.client, context.bufnr, context.argument)
  end,
  status = function(context)
    tell(context, 'status', function(status)
      return require('kodopis.status').describe(status) .. (status.message and '. ' .. status.message or '')
    end)
  end,
  statistics = function(context)
    tell(context, 'statistics', function(s)
      return messages.text('statistics', s.shown, s.accepted, s.tokens, s.tokensPerSecond, s.cacheHits)
    end)
  end,
  stop = function(context)
    tell(context, 'stopEngine', function(result)
      return messages.text(result.stopped and 'engine_stopped' or 'engine_was_off')
    end)
  end,
  restart = function(context)
    tell(context, 'restartEngine', function()
      return messages.text('engine_restarted')
    end)
  end,
  download = function(context)
    server.execute(context.client, context.bufnr, {
      name = 'download',
      argument = { model = context.argument },
    }, function(result)
      messages.notify(messages.text(result.installed and 'model_downloaded' or 'model_not_downloaded'))
    end)
  end,
  automatic = function(context)
    local client = context.client
    local was_on = vim.tbl_get(client.settings, 'kodopis', 'automatic') ~= false
    client.settings = vim.tbl_deep_extend('force', client.settings, { kodopis = { automatic = not was_on } })
    client:notify('workspace/didChangeConfiguration', { settings = client.settings })
    messages.notify(messages.text(was_on and 'automatic_off' or 'automatic_on'))
  end,
  log = function()
    vim.cmd.tabedit(vim.fn.fnameescape(vim.lsp.log.get_filename()))
  end,
}

---@return string[]
local function names()
  local sorted = vim.tbl_keys(actions)
  table.sort(sorted)
  return sorted
end

---@param command vim.api.keyset.create_user_command.command_args
function M.run(command)
  local name = command.fargs[1] or 'status'
  local action = actions[name]
  if not action then
    local all = table.concat(names(), ', ')
    return messages.notify(messages.text('unknown_command', name, all), vim.log.levels.ERROR)
  end
  local bufnr = vim.api.nvim_get_current_buf()
  local client = name == 'log' or server.client(bufnr)
  if client then
    action({ client = client, bufnr = bufnr, command = command, argument = command.fargs[2] })
  end
end

---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local candidates = names()
  local name = line:match('Kodopis%s+(%S+)%s')
  if name then
    local client = vim.lsp.get_clients({ name = 'kodopis', bufnr = 0 })[1]
    local takes_model = name == 'model' or name == 'download'
    candidates = takes_model and client and require('kodopis.model').ids(client) or {}
  end
  return vim.tbl_filter(function(candidate)
    return vim.startswith(candidate, lead)
  end, candidates)
end

return M
