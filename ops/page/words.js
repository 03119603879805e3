// Every text of the page, in both languages.

const RUSSIAN = {
  lead: "Каждое сказанное слово становится событием в журнале. Из него сделано всё остальное: таблицы, из которых читают, и живые потоки.",
  play: "Сыграть короткий диалог",
  playing: "Диалог идёт…",
  other_language: "English",
  other_language_label: "Switch to English",
  measured_none: "Напишите слева как посетитель или справа как владелец: путь сообщения загорится.",
  measured: ({ stream, answer, position, repeats }) =>
    `Замедлено для глаз. На деле: в живом потоке через ${stream ?? "…"} мс, ответ с готовым чтением через ${answer ?? "…"} мс` +
    (position ? `, раздел и смещение ${position}` : "") + (repeats ? `, повторов с тем же ключом: ${repeats}` : ""),
  diagram: "Путь сообщения: команда, решение, событие, затем проекция и живой поток",
  command: ["Команда", "что попросили;", "с ключом идемпотентности"],
  decider: ["Решение", "единственный писатель", "раздела решает по порядку"],
  event_stage: ["Событие", "что произошло; хранится", "навсегда, в цепочке хешей"],
  projection: ["Проекция", "таблицы для запросов"],
  stream: ["Поток", "то же событие, сразу"],
  visitor: "Посетитель",
  visitor_empty: "чат на сайте: диалога ещё нет",
  visitor_dialog: (id) => `чат на сайте, диалог ${id}`,
  new_visitor: "Новый посетитель",
  visitor_label: "Сообщение посетителя",
  visitor_placeholder: "Здравствуйте! …",
  send: "Отправить",
  owner: "Владелец",
  owner_waiting: "создаётся демонстрационный аккаунт…",
  owner_note: (email) => `${email}: демо-аккаунт этого браузера`,
  dialogs: "Диалоги",
  no_dialogs: "пока пусто",
  visitor_name: (n) => `Гость ${n}`,
  owner_label: "Ответ владельца",
  owner_placeholder: "Ответ…",
  answer: "Ответить",
  operator: "Анна",
  events: "События",
  events_note: "Журнал выбранного диалога, новые сверху. Причина: id команды. Хеш каждого события считается вместе с хешем предыдущего.",
  events_unavailable: "Журнал пока не читается; показано то, что принёс поток.",
  no_events: "Событий ещё нет.",
  version: "Версия", event: "Событие", actor: "Кто", time: "Когда", cause: "Причина", correlation: "Корреляция", hash: "Хеш ← предыдущий", position: "Раздел : смещение",
  repeating: (n) => `Нет ответа: повтор ${n} с тем же ключом`,
  failed: (reason) => `Не получилось: ${reason}`,
  unreachable: "сервис не отвечает",
  starting: "Нет связи с сервисом, пробую ещё раз…",
  script: [
    ["visitor", "Здравствуйте! Заказ 4182 обещали до обеда, а курьера всё нет."],
    ["owner", "Добрый день! Он в двух кварталах от вас, будет через 15 минут."],
    ["visitor", "Хорошо, жду. Домофон не работает, пусть позвонит."],
    ["owner", "Передала: позвонит у подъезда."],
    ["visitor", "Приехал, всё на месте. Спасибо!"],
  ],
};

const ENGLISH = {
  lead: "Everything that is said becomes an event in a log. All the rest is made from it: the tables that queries read, and the live streams.",
  play: "Play a short conversation",
  playing: "Playing…",
  other_language: "Русский",
  other_language_label: "Переключить на русский",
  measured_none: "Write as the visitor on the left or as the owner on the right: the way of the message lights up.",
  measured: ({ stream, answer, position, repeats }) =>
    `Slowed down for the eye. Measured: live on the stream after ${stream ?? "…"} ms, answered and readable after ${answer ?? "…"} ms` +
    (position ? `, partition and offset ${position}` : "") + (repeats ? `, repeated with the same key: ${repeats}` : ""),
  diagram: "The way of a message: command, decider, event, then projection and live stream",
  command: ["Command", "what was asked,", "with an idempotency key"],
  decider: ["Decider", "one writer per partition", "settles it, in order"],
  event_stage: ["Event", "what happened: kept", "for good, hash-chained"],
  projection: ["Projection", "tables that queries read"],
  stream: ["Stream", "the same event, live"],
  visitor: "Visitor",
  visitor_empty: "chat on a website: no dialog yet",
  visitor_dialog: (id) => `chat on a website, dialog ${id}`,
  new_visitor: "New visitor",
  visitor_label: "The visitor's message",
  visitor_placeholder: "Hello! …",
  send: "Send",
  owner: "Owner",
  owner_waiting: "making a demo account…",
  owner_note: (email) => `${email}: a demo account of this browser`,
  dialogs: "Dialogs",
  no_dialogs: "none yet",
  visitor_name: (n) => `Guest ${n}`,
  owner_label: "The owner's answer",
  owner_placeholder: "Answer…",
  answer: "Answer",
  operator: "Anna",
  events: "Events",
  events_note: "The log of the chosen dialog, newest first. Cause: the command's id. Each event's hash is computed over the one before it.",
  events_unavailable: "The log cannot be read at the moment; shown is what the stream brought.",
  no_events: "No events yet.",
  version: "Version", event: "Event", actor: "Who", time: "When", cause: "Cause", correlation: "Correlation", hash: "Hash ← previous", position: "Partition : offset",
  repeating: (n) => `No answer: repeat ${n} with the same key`,
  failed: (reason) => `That did not work: ${reason}`,
  unreachable: "the service does not answer",
  starting: "No connection to the service, trying again…",
  script: [
    ["visitor", "Hi, I was charged twice for the March invoice."],
    ["owner", "Sorry about that. I see two payments, nine seconds apart."],
    ["visitor", "I pressed the button once, I swear. Well… maybe twice."],
    ["owner", "The second one goes back to your card today."],
    ["visitor", "Thanks for not making me prove it :)"],
  ],
};

const LANGUAGES = { ru: RUSSIAN, en: ENGLISH };

export function preferredLanguage() {
  const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem("parley.language") ?? navigator.language;
  return asked.toLowerCase().startsWith("ru") ? "ru" : "en";
}

export const wordsOf = (language) => LANGUAGES[language];
export const otherLanguage = (language) => (language === "ru" ? "en" : "ru");
