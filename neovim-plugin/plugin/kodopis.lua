if vim.g.loaded_kodopis then
  return
end
vim.g.loaded_kodopis = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.notify(require('kodopis.messages').text('old_neovim'), vim.log.levels.ERROR, { title = 'Kodopis' })
  return
end

local group = vim.api.nvim_create_augroup('kodopis', {})

vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  desc = 'Kodopis: ghost text and keys',
  callback = function(args)
    require('kodopis.attach').attached(args.data.client_id, args.buf)
  end,
})

vim.api.nvim_create_autocmd('LspDetach', {
  group = group,
  desc = 'Kodopis: forget the suggestion',
  callback = function(args)
    require('kodopis.attach').detached(args.data.client_id, args.buf)
  end,
})

vim.api.nvim_create_autocmd('FileType', {
  group = group,
  pattern = 'python',
  desc = 'Kodopis: say once that the server is not installed',
  callback = function()
    require('kodopis.server').warn_if_missing()
  end,
})

vim.api.nvim_create_user_command('Kodopis', function(command)
  require('kodopis.command').run(command)
end, {
  nargs = '*',
  range = true,
  desc = 'Kodopis: write, explain, fix, docstring, tests, model, status …',
  complete = function(lead, line)
    return require('kodopis.command').complete(lead, line)
  end,
})
