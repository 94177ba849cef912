--- `:Kodopis explain`: the explanation grows in a Markdown window beside the code.

local messages = require('kodopis.messages')
local partial = require('kodopis.partial')
local server = require('kodopis.server')

local M = {}

local n_asked = 0

--- Open the window beside the code, leaving the cursor where it is.
---@return integer bufnr
local function open()
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.bo[bufnr].bufhidden = 'wipe'
  vim.bo[bufnr].filetype = 'markdown'
  vim.api.nvim_buf_set_name(bufnr, ('kodopis://%s %d'):format(messages.text('explain_title'), n_asked))
  local window = vim.api.nvim_open_win(bufnr, false, { split = 'right' })
  -- 0: for this buffer alone, not for whatever else will be opened in the window
  vim.wo[window][0].wrap = true
  vim.wo[window][0].linebreak = true
  vim.wo[window][0].number = false
  vim.wo[window][0].relativenumber = false
  vim.keymap.set('n', 'q', '<Cmd>bwipeout<CR>', { buffer = bufnr, desc = 'Kodopis: close' })
  return bufnr
end

---@param bufnr integer
---@param markdown string
local function write(bufnr, markdown)
  if not vim.api.nvim_buf_is_valid(bufnr) then
    return
  end
  vim.bo[bufnr].modifiable = true
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, vim.split(markdown, '\r?\n'))
  vim.bo[bufnr].modifiable = false
end

--- Explain a piece of a buffer. Closing the window stops the model.
---@param client vim.lsp.Client
---@param bufnr integer
---@param range lsp.Range
function M.explain(client, bufnr, range)
  n_asked = n_asked + 1
  local token = 'kodopis.explain.' .. n_asked
  local shown = open()
  write(shown, messages.text('explain_waiting'))
  partial.listen(token, function(text)
    write(shown, text)
  end)
  local argument = {
    textDocument = { uri = vim.uri_from_bufnr(bufnr) },
    range = range,
    partialToken = token,
  }
  local ended ---@type integer? the autocommand that hears of the server's end
  local function stop_listening()
    partial.listen(token, nil)
    ended = ended and vim.api.nvim_del_autocmd(ended) or nil
  end
  local function finish(text)
    stop_listening()
    write(shown, text)
  end
  local command = { name = 'explain', argument = argument } ---@type kodopis.Command
  command.failed = finish
  ended = vim.api.nvim_create_autocmd('LspDetach', {
    desc = 'Kodopis: a server that has ended explains nothing any more',
    callback = function(args)
      vim.schedule(function() -- Neovim forgets a client that has ended after its buffers were detached
        if args.data.client_id == client.id and ended and not vim.lsp.get_client_by_id(client.id) then
          finish(messages.text('no_explanation'))
        end
      end)
    end,
  })
  local id = server.execute(client, bufnr, command, function(result)
    finish(result.markdown or '')
  end)
  vim.api.nvim_create_autocmd('BufWipeout', {
    buffer = shown,
    once = true,
    callback = function()
      stop_listening()
      if id and client.requests[id] then
        client:cancel_request(id)
      end
    end,
  })
end

return M
