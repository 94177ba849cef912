--- Kodopis for Neovim: what keys and other plugins call. See `:help kodopis`.

local Session = require('kodopis.session')

local M = {}

---@return kodopis.Session?
local function session()
  return Session.of(vim.api.nvim_get_current_buf())
end

--- Set options as `vim.g.kodopis` does, and enable the server: what plugin managers call with `opts`. Options that are
--- not named keep their values.
---@param options? table
function M.setup(options)
  local known = vim.g.kodopis
  if type(options) == 'table' and type(known) == 'table' then
    options = vim.tbl_deep_extend('force', known, options)
  end
  if options ~= nil then
    vim.g.kodopis = options -- of whatever type: `options.lua` says what does not fit
  end
  if vim.lsp.enable then -- an older Neovim was told about by `plugin/kodopis.lua`
    vim.lsp.enable('kodopis')
  end
end

--- Take the ghost text, ours or another server's. False where there is none.
---@return boolean
function M.accept()
  local current = session()
  if current and current:accept(true) then
    return true
  end
  if not vim.bo.modifiable then
    return false
  end
  if current then
    current:moved() -- with keys in quick succession Neovim may still hold an item of ours that does not fit any more
  end
  local display = require('kodopis.display')
  return display.is_native() and vim.lsp.inline_completion.get({ bufnr = vim.api.nvim_get_current_buf() })
end

--- Take the ghost text's next line.
---@return boolean
function M.accept_line()
  local current = session()
  return current ~= nil and current:accept(false)
end

--- Show another answer, asking for more where there is only one.
---@return boolean
function M.next_variant()
  local current = session()
  return current ~= nil and require('kodopis.variants').show(current, 1)
end

---@return boolean
function M.previous_variant()
  local current = session()
  return current ~= nil and require('kodopis.variants').show(current, -1)
end

--- Ask for code at the cursor, with or without a comment above it.
---@return boolean
function M.ask()
  local current = session()
  if not current then
    return false
  end
  if not vim.api.nvim_get_mode().mode:match('^i') then
    local messages = require('kodopis.messages')
    messages.notify(messages.text('insert_mode_only'))
    return false
  end
  current:drop()
  current:ask_by_hand()
  return true
end

--- The server's state in a few words, for a status line; '' where there is none. A percent sign stands there twice: one
--- alone would begin an item.
---@return string
function M.statusline()
  return (require('kodopis.status').text():gsub('%%', '%%%%'))
end

return M
