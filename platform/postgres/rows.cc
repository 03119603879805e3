#include "platform/postgres/rows.h"

#include <charconv>
#include <pqxx/result>
#include <stdexcept>

namespace parley::postgres {

namespace {

[[noreturn]] void misread(const char* what) {
  throw std::logic_error(std::string("PostgreSQL answer misread: ") + what);
}

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
    const auto fraction = text.substr(20, text.size() - 23);
    milli = integer(fraction.substr(0, 3));
    for (auto digits = fraction.size(); digits < 3; ++digits) milli *= 10;
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
  if (cells_.size() != count) misread("another number of columns");
}
const Row::Cell& Row::cell(int column) const {
  if (static_cast<std::size_t>(column) >= cells_.size()) misread("no such column");
  return cells_[static_cast<std::size_t>(column)];
}
std::string_view Row::text(int column) const {
  const Cell& value = cell(column);
  if (value.data() == nullptr) misread("NULL where a value must be");
  return value;
}
void Row::read(int column, bool& value) const { value = text(column) == "t"; }
void Row::read(int column, std::int32_t& value) const { value = static_cast<std::int32_t>(integer(text(column))); }
void Row::read(int column, std::int64_t& value) const { value = integer(text(column)); }
void Row::read(int column, std::string& value) const { value = text(column); }
void Row::read(int column, Timestamp& value) const { value = timestamp(text(column)); }
void Row::read(int column, std::vector<std::string>& value) const { value = array(text(column)); }

/// pqxx counts references for every field that is looked at; here each is looked at once.
struct Rows::Content {
  explicit Content(const pqxx::result& r) : result(r), columns(r.columns()) {
    cells.reserve(columns * r.size());
    for (auto row = result.begin(); row != result.end(); ++row) {
      auto field = row->begin();
      for (std::size_t column = 0; column < columns; ++column, ++field) {
        cells.push_back(field->is_null() ? Row::Cell() : Row::Cell(field->c_str(), field->size()));
      }
    }
  }
  const pqxx::result result;  // owns what the cells point into
  const std::size_t columns;
  std::vector<Row::Cell> cells;
};

Rows::Rows(const void* result) {
  const auto& answer = *static_cast<const pqxx::result*>(result);
  content_ = std::make_shared<const Content>(answer);
  size_ = answer.size();
  affected_ = static_cast<std::int64_t>(answer.affected_rows());
}

Row Rows::operator[](std::size_t index) const {
  return Row(std::span(content_->cells).subspan(index * content_->columns, content_->columns));
}

}  // namespace parley::postgres
