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

return M
