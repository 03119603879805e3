// The issues that this folder, api/http and the reading of JSON (schemas/fields.cc, schemas/json.cc) find, in Russian,
// and how a table of them is read. What a surface finds beside is in a table of its own.
#include <array>
#include <optional>

#include "api/endpoint/language.h"

namespace parley::endpoint {
namespace {

constexpr auto kIssues = std::to_array<Translation>({
    {"must not be null", "не может быть null"},
    {"is required", "обязательное поле"},
    {"must not be empty", "не может быть пустым"},
    {"must be a string", "должно быть строкой"},
    {"must be true or false", "должно быть true или false"},
    {"must be an integer", "должно быть целым числом"},
    {"must be an integer from # to #", "должно быть целым числом от # до #"},
    {"must be a number", "должно быть числом"},
    {"must be a list", "должно быть списком"},
    {"must be an object", "должно быть объектом"},
    {"must be an id", "должно быть идентификатором"},
    {"must be a time like *", "должно быть временем вида *"},
    {"must be one of *", "должно быть одним из значений: *"},
    {"must be at least # characters", "должно быть не короче # символов"},
    {"must be at most # characters", "должно быть не длиннее # символов"},
    {"must have at most # elements", "должно содержать не больше # элементов"},
    {"must have at most # members and elements", "должно содержать не больше # полей и элементов"},
    {"must have at most # parameters", "должно содержать не больше # параметров"},
    {"must have at most # lines", "должно содержать не больше # строк"},
    {"must be at most # bytes", "должно быть не больше # байт"},
    {"must not contain the NUL character", "не должно содержать символ NUL"},
    {"must not contain lone surrogates", "не должно содержать непарные суррогаты"},
    {"a field's name must be plain text", "имя поля должно быть обычным текстом"},
    {"must not be given twice", "указано дважды"},
    {"must not be nested deeper than #", "вложенность не должна превышать #"},
    {"must be a number that fits", "должно быть числом не больше допустимого"},
    {"at byte #: there is no value", "некорректный JSON, байт #: нет значения"},
    {"at byte #: nothing may follow the value", "некорректный JSON, байт #: после значения не должно быть ничего"},
    {"at byte #: a value is expected", "некорректный JSON, байт #: ожидается значение"},
    {"at byte #: a name in quotes is expected", "некорректный JSON, байт #: ожидается имя в кавычках"},
    {"at byte #: a colon is expected", "некорректный JSON, байт #: ожидается двоеточие"},
    {"at byte #: a comma or } is expected", "некорректный JSON, байт #: ожидается запятая или }"},
    {"at byte #: a comma or ] is expected", "некорректный JSON, байт #: ожидается запятая или ]"},
    {"at byte #: four hexadecimal digits are expected",
     "некорректный JSON, байт #: ожидаются четыре шестнадцатеричные цифры"},
    {"at byte #: a surrogate must have its pair", "некорректный JSON, байт #: у суррогата должна быть пара"},
    {"at byte #: there is no such escape, or a control character is not escaped",
     "некорректный JSON, байт #: такой экранированной последовательности нет, или управляющий символ не экранирован"},
    {"at byte #: a string has no closing quotation mark",
     "некорректный JSON, байт #: у строки нет закрывающей кавычки"},
    {"at byte #: a string must be UTF-8", "некорректный JSON, байт #: строка должна быть в UTF-8"},
    {"at byte #: a number is too large", "некорректный JSON, байт #: слишком большое число"},
    {"at byte #: a digit is expected after the decimal point",
     "некорректный JSON, байт #: после десятичной точки ожидается цифра"},
    {"at byte #: a digit is expected in the exponent",
     "некорректный JSON, байт #: в показателе степени ожидается цифра"},
    {"at byte #: a syntax error", "некорректный JSON, байт #: синтаксическая ошибка"},
    {"at byte #: a NUL byte", "некорректный JSON, байт #: нулевой байт"},
    {"must be application/json", "должно быть application/json"},
    {"must be application/x-www-form-urlencoded", "должно быть application/x-www-form-urlencoded"},
    {"must be percent-encoded, and not contain the NUL character",
     "должно быть закодировано процентами и не содержать символ NUL"},
    {"must be multipart/form-data with a boundary", "должно быть multipart/form-data с разделителем (boundary)"},
    {"must begin with its boundary", "должно начинаться с разделителя"},
    {"must end with its last boundary", "должно заканчиваться последним разделителем"},
    {"must have boundaries that stand alone in their lines", "разделители должны стоять на отдельных строках"},
    {"must have at most # parts", "должно содержать не больше # частей"},
    {"must have parts whose head is at most # bytes", "заголовки каждой части должны занимать не больше # байт"},
    {"must have parts with a form-data Content-Disposition and a name: part # has none",
     "каждая часть должна иметь Content-Disposition вида form-data с именем: у части # его нет"},
    {"must be a file", "должно быть файлом"},
    {"must not be a file", "не может быть файлом"},
    {"cannot be received now: too many files are", "сейчас не может быть принято: принимается слишком много файлов"},
    {"cannot be received now: the disk is full", "сейчас не может быть принято: на диске нет места"},
    {"is not supported", "не поддерживается"},
    {"must be 1 to 255 visible ASCII characters", "должен состоять из 1–255 видимых символов ASCII"},
    {"must be a version in quotes, like \"7\"", "должна быть версия в кавычках, например \"7\""},
    {"must name one version", "должна быть названа одна версия"},
    {"must be a position as X-Event-Position gives it",
     "должна быть позиция в том виде, в котором её даёт X-Event-Position"},
    {"is a position of another log: it was restored or made anew since",
     "позиция другого журнала: с тех пор он был восстановлен или создан заново"},
    {"is a position that the log has not reached: what stood there was lost, so look again what there is",
     "позиция, до которой журнал не дошёл: то, что там было, утрачено, поэтому посмотрите заново, что есть"},
});

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// What the pattern's signs stand for in the text; nothing when it does not match. At most two numbers and a rest.
struct Captured {
  std::array<std::string_view, 2> numbers;
  std::size_t count = 0;
  std::string_view rest;
};
std::optional<Captured> match(std::string_view pattern, std::string_view text) {
  Captured captured;
  for (const char c : pattern) {
    if (c == '*') {
      captured.rest = text;
      return captured;
    }
    if (c == '#') {
      std::size_t n = 0;
      while (n < text.size() && is_digit(text[n])) ++n;
      if (n == 0 || captured.count == captured.numbers.size()) return std::nullopt;
      captured.numbers[captured.count++] = text.substr(0, n);
      text.remove_prefix(n);
    } else {
      if (text.empty() || text.front() != c) return std::nullopt;
      text.remove_prefix(1);
    }
  }
  if (!text.empty()) return std::nullopt;
  return captured;
}

}  // namespace

std::string issue_in(const Language& language, std::string_view issue) {
  for (const auto& table : language.issues) {
    for (const auto& [english, text] : table) {
      const auto captured = match(english, issue);
      if (!captured) continue;
      std::string out;
      std::size_t number = 0;
      for (const char c : text) {
        if (c == '#') {
          out += captured->numbers[number++];
        } else if (c == '*') {
          out += captured->rest;
        } else {
          out += c;
        }
      }
      return out;
    }
  }
  return std::string(issue);
}

std::span<const Translation> russian_issues() { return kIssues; }

}  // namespace parley::endpoint
