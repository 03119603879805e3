#include "platform/postgres/rows.h"

#include <charconv>
#include <pqxx/result>
#include <stdexcept>

namespace parley::postgres {

namespace {

[[noreturn]] void misread(const char* what) { throw std::logic_error(std::string("PostgreSQL answer misread: ") + what); }

const pqxx::result& result_of(const void* result) { return *static_cast<const pqxx::result*>(result); }

std::int64_t integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) misread("not an integer");
  return value;
}

// The session speaks ISO and UTC: "2026-11-21 10:17:00.123+00".
Timestamp timestamp(std::string_view text) {
  if (text.size() < 22 || !text.ends_with("+00")) misread("not a time in UTC");
  const auto part = [text](std::size_t from, std::size_t count) { return integer(text.substr(from, count)); };
  using namespace std::chrono;
  const year_month_day day{year{static_cast<int>(part(0, 4))}, month{static_cast<unsigned>(part(5, 2))},
                           std::chrono::day{static_cast<unsigned>(part(8, 2))}};
  std::int64_t milli = 0;
  if (text[19] == '.') {
    std::string fraction(text.substr(20, text.size() - 23));
    fraction.resize(3, '0');
    milli = integer(fraction);
  }
  return sys_days{day} + hours{part(11, 2)} + minutes{part(14, 2)} + seconds{part(17, 2)} + milliseconds{milli};
}

// '{plain,"quo\"ted"}' (PostgreSQL, 8.15.6 "Array Input and Output Syntax").
std::vector<std::string> array(std::string_view text) {
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') misread("not an array");
  text = text.substr(1, text.size() - 2);
  std::vector<std::string> values;
  if (text.empty()) return values;
  std::string value;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      quoted = !quoted;
    } else if (c == '\\' && i + 1 < text.size()) {
      value += text[++i];
    } else if (c == ',' && !quoted) {
      values.push_back(std::move(value));
      value.clear();
    } else {
      value += c;
    }
  }
  values.push_back(std::move(value));
  return values;
}

}  // namespace

void Row::expect_columns(std::size_t count) const {
  if (result_of(result_).columns() != count) misread("another number of columns");
}
bool Row::is_null(int column) const { return result_of(result_)[static_cast<int>(index_)][column].is_null(); }
std::string_view Row::text(int column) const {
  const pqxx::field field = result_of(result_)[static_cast<int>(index_)][column];
  if (field.is_null()) misread("NULL where a value must be");
  return {field.c_str(), field.size()};
}
void Row::read(int column, bool& value) const { value = text(column) == "t"; }
void Row::read(int column, std::int32_t& value) const { value = static_cast<std::int32_t>(integer(text(column))); }
void Row::read(int column, std::int64_t& value) const { value = integer(text(column)); }
void Row::read(int column, std::string& value) const { value = text(column); }
void Row::read(int column, Timestamp& value) const { value = timestamp(text(column)); }
void Row::read(int column, std::vector<std::string>& value) const { value = array(text(column)); }

Rows::Rows(std::shared_ptr<const void> result)
    : result_(std::move(result)),
      size_(result_of(result_.get()).size()),
      affected_(static_cast<std::int64_t>(result_of(result_.get()).affected_rows())) {}

}  // namespace parley::postgres
