---@brief
--- Kodopis: a Russian comment becomes Python code, offline. See `:help kodopis`.
---
--- Change any of this with `vim.lsp.config('kodopis', { … })`, then `vim.lsp.enable('kodopis')`.

---@type vim.lsp.Config
return {
  cmd = { require('kodopis.server').executable(), 'serve', '--stdio' },
  filetypes = { 'python' },
  root_markers = { 'pyproject.toml', 'setup.py', 'setup.cfg', 'requirements.txt', 'Pipfile', '.git' },
  settings = { kodopis = vim.empty_dict() },
  capabilities = {
    textDocument = { inlineCompletion = { dynamicRegistration = false } },
    experimental = { kodopis = { partial = true, status = true } },
  },
  handlers = {
    ['kodopis/partial'] = function(_, params, ctx)
      require('kodopis.partial').received(params, ctx)
    end,
    ['kodopis/status'] = function(_, params, ctx)
      require('kodopis.status').update(params, ctx.client_id)
    end,
  },
  before_init = function(params, config)
    params.locale = require('kodopis.messages').language()
    -- the server asks for settings too, but a command may come before Neovim's answer
    local settings = vim.tbl_get(config, 'settings', 'kodopis') or vim.empty_dict()
    params.initializationOptions = vim.tbl_extend('keep', params.initializationOptions or {}, { kodopis = settings })
  end,
}
