---@brief
--- Kodopis: a Russian comment becomes Python code, offline. See `:help kodopis`.
---
--- Change any of this with `vim.lsp.config('kodopis', { … })`, then `vim.lsp.enable('kodopis')`.

---@type vim.lsp.Config
return {
  cmd = { 'kodopis', 'serve', '--stdio' },
  filetypes = { 'python' },
  root_markers = { 'pyproject.toml', 'setup.py', 'setup.cfg', 'requirements.txt', 'Pipfile', '.git' },
  settings = { kodopis = {} },
  capabilities = {
    textDocument = { inlineCompletion = { dynamicRegistration = false } },
    experimental = { kodopis = { partial = true, status = true } },
  },
  handlers = {
    ['kodopis/partial'] = function(_, params, ctx)
      require('kodopis.partial').received(params, ctx)
    end,
    ['kodopis/status'] = function(_, params)
      require('kodopis.status').update(params)
    end,
  },
  before_init = function(params)
    params.locale = require('kodopis.messages').language()
  end,
}
