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

--- Wipe what Neovim has drawn: outside insert mode it takes no items any more, not even none.
---@param bufnr integer
function M.clear(bufnr)
  if M.is_native() and vim.api.nvim_buf_is_valid(bufnr) then
    local namespace = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')
    vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

return M
