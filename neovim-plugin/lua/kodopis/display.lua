--- Who draws ghost text: Neovim itself where it can (0.12), else `kodopis.ghost`, which has the same functions.

local M = {}

--- Whether Neovim has `vim.lsp.inline_completion`.
---@return boolean
function M.is_native()
  return type(vim.lsp.inline_completion) == 'table'
end

--- `enable` and `select`, as `vim.lsp.inline_completion` has them.
function M.module()
  return M.is_native() and vim.lsp.inline_completion or require('kodopis.ghost')
end

--- Whether ghost text is drawn in a buffer: users may switch Neovim's own off at any time.
---@param bufnr integer
---@return boolean
function M.is_enabled(bufnr)
  return not M.is_native() or vim.lsp.inline_completion.is_enabled({ bufnr = bufnr })
end

local NAMESPACE = 'nvim.lsp.inline_completion'

--- Let what Neovim has drawn at a line's end push aside what else is shown there. Neovim draws it over that, and a
--- diagnostic's text comes out mixed with it.
---@param bufnr integer
function M.make_room(bufnr)
  if not M.is_native() or not vim.api.nvim_buf_is_valid(bufnr) then
    return
  end
  local namespace = vim.api.nvim_create_namespace(NAMESPACE)
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(bufnr, namespace, 0, -1, { details = true })) do
    local id, row, col, details = unpack(mark)
    local line = vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ''
    if details.virt_text_pos == 'overlay' and col == #line then
      vim.api.nvim_buf_set_extmark(bufnr, namespace, row, col, {
        id = id,
        virt_text = details.virt_text,
        virt_text_pos = 'inline',
        virt_lines = details.virt_lines,
        hl_mode = details.hl_mode,
      })
    end
  end
end

--- Wipe what Neovim has drawn: outside insert mode it takes no items any more, not even none.
---@param bufnr integer
function M.clear(bufnr)
  if M.is_native() and vim.api.nvim_buf_is_valid(bufnr) then
    local namespace = vim.api.nvim_create_namespace(NAMESPACE)
    vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

return M
