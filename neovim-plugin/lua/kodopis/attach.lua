--- What happens when the server is attached to a buffer, and detached.

local display = require('kodopis.display')
local keys = require('kodopis.keys')
local messages = require('kodopis.messages')
local options = require('kodopis.options')
local Session = require('kodopis.session')

local M = {}

local METHOD = 'textDocument/inlineCompletion'

--- Let the questions for ghost text go through the buffer's session.
---
--- Neovim 0.12 asks through `client:request` like everybody else; it neither cancels nor checks whether an answer still
--- fits when it comes. This is the one place where both can be put right for all versions.
---@param client vim.lsp.Client
local function intercept(client)
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  client.request = function(self, method, params, handler, bufnr)
    local session = method == METHOD and Session.about(params.textDocument.uri)
    if not session or not handler then
      return request(self, method, params, handler, bufnr)
    end
    return session:ask(function(sent, answered)
      return request(self, method, sent, answered, session.bufnr)
    end, params, handler)
  end
end

---@type table<integer, true>
local intercepted = {}

---@param bufnr integer
---@return integer
local function group_of(bufnr)
  return vim.api.nvim_create_augroup('kodopis.session.' .. bufnr, { clear = true })
end

---@param session kodopis.Session
local function watch(session)
  local group = group_of(session.bufnr)
  vim.api.nvim_create_autocmd({ 'TextChangedI', 'CursorMovedI', 'TextChangedP' }, {
    group = group,
    buffer = session.bufnr,
    desc = 'Kodopis: fit the ghost text to what is typed',
    callback = function()
      session:moved()
    end,
  })
  vim.api.nvim_create_autocmd('ModeChanged', {
    group = group,
    pattern = 'i*:[^i]*', -- also by CTRL-C, which InsertLeave does not hear of
    desc = 'Kodopis: stop when insert mode is left',
    callback = function()
      if vim.api.nvim_get_current_buf() == session.bufnr then
        session:drop()
      end
    end,
  })
  vim.api.nvim_create_autocmd('BufLeave', {
    group = group,
    buffer = session.bufnr,
    desc = 'Kodopis: stop when the buffer is left in insert mode, as the mouse does',
    callback = function()
      session:drop()
    end,
  })
  vim.api.nvim_create_autocmd('ModeChanged', {
    group = group,
    pattern = '[^i]*:i*',
    desc = 'Kodopis: forget what was drawn the last time',
    callback = function()
      if vim.api.nvim_get_current_buf() == session.bufnr then
        session:show()
      end
    end,
  })
end

--- See to what Neovim draws by itself; called after it was switched on, so that it has drawn already.
---@param session kodopis.Session
local function watch_drawing(session)
  vim.api.nvim_create_autocmd({ 'InsertEnter', 'CursorMovedI', 'TextChangedP' }, {
    group = vim.api.nvim_create_augroup('kodopis.session.' .. session.bufnr, { clear = false }),
    buffer = session.bufnr,
    desc = 'Kodopis: show other virtual text beside the ghost text',
    callback = function()
      display.make_room(session.bufnr)
    end,
  })
end

local has_warned = false

--- Say once which options do not fit.
local function warn_of_options()
  local wrong = options.wrong()
  if #wrong > 0 and not has_warned then
    has_warned = true
    messages.notify(messages.text('wrong_option', table.concat(wrong, ', ')), vim.log.levels.WARN)
  end
end

---@param client_id integer
---@param bufnr integer
function M.attached(client_id, bufnr)
  local client = vim.lsp.get_client_by_id(client_id)
  if not client or client.name ~= 'kodopis' then
    return
  end
  if not intercepted[client_id] then
    intercepted[client_id] = true
    intercept(client)
  end
  local session = Session.open(bufnr, client)
  if display.is_native() then
    -- the one that draws must hear of a keystroke after the session: it would draw what does not fit any more, and fail
    -- where the line is gone
    vim.lsp.inline_completion.enable(false, { bufnr = bufnr })
  end
  watch(session)
  if client.server_capabilities.inlineCompletionProvider then
    if display.is_native() then
      vim.lsp.inline_completion.enable(true, { bufnr = bufnr })
      watch_drawing(session)
    else
      require('kodopis.ghost').enable(true, { bufnr = bufnr, client = client })
    end
  end
  keys.map(bufnr)
  warn_of_options()
  if vim.api.nvim_get_current_buf() == bufnr and vim.api.nvim_get_mode().mode:match('^i') then
    -- the user was quicker than the server: who draws asks after a keystroke, and the comment is written already
    vim.api.nvim_exec_autocmds('CursorMovedI', { buffer = bufnr, modeline = false })
  end
end

---@param client_id integer
---@param bufnr integer
function M.detached(client_id, bufnr)
  vim.schedule(function() -- Neovim forgets a client that has ended after its buffers were detached
    if not vim.lsp.get_client_by_id(client_id) then
      require('kodopis.status').ended(client_id)
    end
  end)
  local session = Session.of(bufnr)
  if not session or session.client.id ~= client_id then
    return
  end
  session:drop()
  Session.close(bufnr)
  group_of(bufnr)
  keys.unmap(bufnr)
  if not display.is_native() then
    require('kodopis.ghost').enable(false, { bufnr = bufnr })
  end
end

return M
