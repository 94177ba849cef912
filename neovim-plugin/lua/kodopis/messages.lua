--- Every text of this plugin that a user may see, in Russian and English.

local options = require('kodopis.options')

local M = {}

---@alias kodopis.Language 'ru'|'en'

---@type table<string, table<kodopis.Language, string>>
local texts = {
  old_neovim = {
    ru = 'Кодописи нужен Neovim 0.11 или новее: обновите редактор.',
    en = 'Kodopis needs Neovim 0.11 or newer: update the editor.',
  },
  no_server = {
    ru = 'Сервер «%s» не найден: установите его (pip install "папка-проекта[engine]") или укажите путь в '
      .. 'vim.lsp.config; подробнее :checkhealth kodopis.',
    en = 'The server "%s" is not found: install it (pip install "folder-of-the-project[engine]") or give its path in '
      .. 'vim.lsp.config; see :checkhealth kodopis.',
  },
  not_attached = {
    ru = 'Кодопись не работает в этом буфере: откройте файл Python или проверьте :checkhealth kodopis.',
    en = 'Kodopis is not attached to this buffer: open a Python file or look at :checkhealth kodopis.',
  },
  unknown_command = {
    ru = 'Нет такой команды: «%s». Есть: %s.',
    en = 'No such command: "%s". There are: %s.',
  },
  not_applied = {
    ru = 'Правка не внесена: модель не дала подходящего кода, попробуйте изменить комментарий или выделение.',
    en = 'Nothing was changed: the model gave no fitting code, try another comment or selection.',
  },
  no_variants = {
    ru = 'Других вариантов нет: уточните комментарий.',
    en = 'There are no other variants: make the comment more precise.',
  },
  waiting_variants = { ru = 'Кодопись ищет варианты…', en = 'Kodopis looks for variants…' },
  insert_mode_only = {
    ru = 'Подсказки показываются в режиме вставки: нажмите i и повторите.',
    en = 'Suggestions are shown in insert mode: press i and try again.',
  },
  explain_title = { ru = 'Объяснение', en = 'Explanation' },
  explain_waiting = { ru = '_Модель читает код…_', en = '_The model reads the code…_' },
  no_explanation = {
    ru = 'Объяснения не будет: сервер остановлен. Повторите :Kodopis explain.',
    en = 'There will be no explanation: the server is stopped. Try :Kodopis explain again.',
  },
  choose_model = { ru = 'Модель:', en = 'Model:' },
  model_installed = { ru = 'установлена', en = 'installed' },
  model_to_fetch = { ru = 'будет скачана, %s', en = 'to be downloaded, %s' },
  model_chosen = {
    ru = 'Модель до конца сеанса: %s. Чтобы оставить её, впишите model = "%s" в settings.kodopis.',
    en = 'Model for this session: %s. To keep it, put model = "%s" into settings.kodopis.',
  },
  no_such_model = {
    ru = 'Нет такой модели: «%s». Посмотрите список: :Kodopis model.',
    en = 'No such model: "%s". See the list with :Kodopis model.',
  },
  engine_stopped = { ru = 'Движок остановлен.', en = 'The engine is stopped.' },
  engine_was_off = { ru = 'Движок и так не работал.', en = 'The engine was not running.' },
  engine_restarted = { ru = 'Движок перезапущен.', en = 'The engine is restarted.' },
  model_downloaded = { ru = 'Модель на месте.', en = 'The model is here.' },
  model_not_downloaded = {
    ru = 'Модель не скачана: повторите :Kodopis download.',
    en = 'The model is not downloaded: try :Kodopis download again.',
  },
  automatic_on = {
    ru = 'Автоматические подсказки: включены.',
    en = 'Automatic suggestions: on.',
  },
  automatic_off = {
    ru = 'Автоматические подсказки: выключены.',
    en = 'Automatic suggestions: off.',
  },
  statistics = {
    ru = 'Показано %d, принято %d, токенов %d, %.1f токенов/с, из кэша %d.',
    en = 'Shown %d, accepted %d, tokens %d, %.1f tokens/s, from the cache %d.',
  },
  name = { ru = 'Кодопись', en = 'Kodopis' },
  state_off = { ru = 'выключена', en = 'off' },
  state_starting = { ru = 'запускается', en = 'starting' },
  state_downloading = { ru = 'скачивает модель', en = 'downloading' },
  state_loading = { ru = 'загружает модель', en = 'loading' },
  state_ready = { ru = 'готова', en = 'ready' },
  state_thinking = { ru = 'пишет', en = 'writing' },
  state_error = { ru = 'ошибка', en = 'error' },
  remote = { ru = 'удалённый', en = 'remote' },
  health_editor = { ru = 'Редактор', en = 'Editor' },
  health_native = {
    ru = 'Подсказки показывает сам Neovim (vim.lsp.inline_completion).',
    en = 'Ghost text is shown by Neovim itself (vim.lsp.inline_completion).',
  },
  health_fallback = {
    ru = 'В этом Neovim нет vim.lsp.inline_completion: подсказки показывает сам плагин.',
    en = 'This Neovim has no vim.lsp.inline_completion: the plugin shows the ghost text itself.',
  },
  -- no full stop after the tag: Neovim would take it for a part of it
  health_unknown_option = {
    ru = 'Неизвестный параметр в vim.g.kodopis: %s. Проверьте имя в :help kodopis-options',
    en = 'Unknown option in vim.g.kodopis: %s. Check its name in :help kodopis-options',
  },
  wrong_option = {
    ru = 'В vim.g.kodopis не подходят значения: %s. Действуют обычные, исправьте по :help kodopis-options',
    en = 'Values in vim.g.kodopis that do not fit: %s. The defaults are used, see :help kodopis-options',
  },
  health_keys = { ru = 'Клавиши режима вставки: %s.', en = 'Insert mode keys: %s.' },
  health_server = { ru = 'Сервер', en = 'Server' },
  health_not_enabled = {
    ru = 'Сервер не включён.',
    en = 'The server is not enabled.',
  },
  health_enable_advice = {
    ru = "Добавьте в init.lua: vim.lsp.enable('kodopis')",
    en = "Add to init.lua: vim.lsp.enable('kodopis')",
  },
  health_command = { ru = 'Команда сервера: %s', en = 'Server command: %s' },
  health_command_works = { ru = 'Команда запускается.', en = 'The command runs.' },
  health_command_failed = {
    ru = 'Команда «%s» не отвечает: %s. Запустите её в терминале.',
    en = 'The command "%s" does not answer: %s. Run it in a terminal.',
  },
  health_version = { ru = 'Версия сервера: %s', en = 'Server version: %s' },
  health_attached = { ru = 'Подключено буферов: %d.', en = 'Attached buffers: %d.' },
  health_not_attached = {
    ru = 'Сервер ещё не запущен: он запустится с первым файлом Python.',
    en = 'The server is not running yet: it starts with the first Python file.',
  },
  health_model = { ru = 'Модель', en = 'Model' },
  health_no_answer = {
    ru = 'Сервер не ответил за %d с: посмотрите :Kodopis log.',
    en = 'The server did not answer within %d s: see :Kodopis log.',
  },
  health_no_inline = {
    ru = 'Сервер не поддерживает textDocument/inlineCompletion: обновите его (pip install -U папка-проекта).',
    en = 'The server does not know textDocument/inlineCompletion: update it (pip install -U folder-of-the-project).',
  },
}

--- The locale: "ru_RU.UTF-8", on Windows "Russian_Russia.1251". What the user asked for comes first: v:lang is "C"
--- where that locale is not installed.
---@return string
local function locale()
  for _, name in ipairs({ 'LC_ALL', 'LC_MESSAGES', 'LANG' }) do
    local value = vim.env[name]
    if value and value ~= '' then
      return value
    end
  end
  return vim.v.lang
end

--- The language of messages: the option, else the server's setting, else the locale.
---@return kodopis.Language
function M.language()
  local function chosen(value)
    return (value == 'ru' or value == 'en') and value or nil
  end
  local config = vim.lsp.config and vim.lsp.config.kodopis or {}
  local setting = vim.tbl_get(config, 'settings', 'kodopis', 'language')
  return chosen(options.get().language) or chosen(setting) or (locale():lower():match('^ru') and 'ru' or 'en')
end

--- A text by its name, with `string.format`'s arguments.
---@param name string
---@param ... string|number
---@return string
function M.text(name, ...)
  local text = assert(texts[name], name)[M.language()]
  return select('#', ...) > 0 and text:format(...) or text
end

--- Show a text to the user.
---@param message string
---@param level? integer one of `vim.log.levels`, INFO by default
function M.notify(message, level)
  vim.notify(message, level or vim.log.levels.INFO, { title = M.text('name') })
end

return M
