#include "schemas/json.h"

#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace parley::json {
namespace {

using Node = rapidjson::Value;
const Node& node(const void* impl) { return *static_cast<const Node*>(impl); }
std::string_view view(const Node& v) { return {v.GetString(), v.GetStringLength()}; }

/// PostgreSQL's text has no NUL, and RapidJSON lets the escape of a lone low surrogate through (as the bytes ED B0..BF xx).
std::optional<std::string> text_problem(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return "must not contain the NUL character";
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) == 0xED && static_cast<unsigned char>(text[i + 1]) >= 0xA0) return "must not contain lone surrogates";
  }
  return std::nullopt;
}

/// In our words: each has a Russian text too (api/endpoint/issues.cc).
std::string_view fault_named(rapidjson::ParseErrorCode code) {
  switch (code) {
    case rapidjson::kParseErrorDocumentEmpty:
      return "there is no value";
    case rapidjson::kParseErrorDocumentRootNotSingular:
      return "nothing may follow the value";
    case rapidjson::kParseErrorValueInvalid:
      return "a value is expected";
    case rapidjson::kParseErrorObjectMissName:
      return "a name in quotes is expected";
    case rapidjson::kParseErrorObjectMissColon:
      return "a colon is expected";
    case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket:
      return "a comma or } is expected";
    case rapidjson::kParseErrorArrayMissCommaOrSquareBracket:
      return "a comma or ] is expected";
    case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex:
      return "four hexadecimal digits are expected";
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid:
      return "a surrogate must have its pair";
    case rapidjson::kParseErrorStringEscapeInvalid:
      return "there is no such escape, or a control character is not escaped";
    case rapidjson::kParseErrorStringMissQuotationMark:
      return "a string has no closing quotation mark";
    case rapidjson::kParseErrorStringInvalidEncoding:
      return "a string must be UTF-8";
    case rapidjson::kParseErrorNumberTooBig:
      return "a number is too large";
    case rapidjson::kParseErrorNumberMissFraction:
      return "a digit is expected after the decimal point";
    case rapidjson::kParseErrorNumberMissExponent:
      return "a digit is expected in the exponent";
    case rapidjson::kParseErrorNone:
    case rapidjson::kParseErrorTermination:
    case rapidjson::kParseErrorUnspecificSyntaxError:
      break;
  }
  return "a syntax error";
}

ParseError fault_at(std::size_t byte, std::string_view fault) { return {"at byte " + std::to_string(byte) + ": " + std::string(fault), false, {}}; }

/// The first thing that may not pass, with its path. Depth is bounded, so the recursion is.
std::optional<ParseError> strict_problem(const Node& value, const std::string& path, int depth) {
  if (depth > kDepthMax) return ParseError{"must not be nested deeper than " + std::to_string(kDepthMax), false, {}};
  if (value.IsString()) {
    if (auto issue = text_problem(view(value))) return ParseError{*issue, true, path};
  } else if (value.IsDouble() && !std::isfinite(value.GetDouble())) {
    return ParseError{"must be a number that fits", true, path};  // RapidJSON reads 10e308 as infinity (in its precise mode as some other number)
  } else if (value.IsArray()) {
    for (unsigned i = 0; i < value.Size(); ++i) {
      if (auto problem = strict_problem(value[i], path + "[" + std::to_string(i) + "]", depth + 1)) return problem;
    }
  } else if (value.IsObject()) {
    const auto prefix = path.empty() ? "" : path + ".";
    std::vector<std::string_view> names;
    for (const auto& member : value.GetObject()) {
      const auto name = view(member.name);
      if (text_problem(name)) return ParseError{"a field's name must be plain text", true, path};
      names.push_back(name);
      if (auto problem = strict_problem(member.value, prefix + std::string(name), depth + 1)) return problem;
    }
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
      return ParseError{"must not be given twice", true, prefix + std::string(*twice)};
    }
  }
  return std::nullopt;
}

}  // namespace

bool Value::is_null() const { return present() && node(impl_).IsNull(); }
bool Value::is_object() const { return present() && node(impl_).IsObject(); }
bool Value::is_array() const { return present() && node(impl_).IsArray(); }
std::optional<std::string_view> Value::string() const {
  if (!present() || !node(impl_).IsString()) return std::nullopt;
  return view(node(impl_));
}
std::optional<std::int64_t> Value::integer() const {
  if (!present() || !node(impl_).IsInt64()) return std::nullopt;
  return node(impl_).GetInt64();
}
std::optional<double> Value::number() const {
  if (!present() || !node(impl_).IsNumber() || !std::isfinite(node(impl_).GetDouble())) return std::nullopt;
  return node(impl_).GetDouble();
}
std::optional<bool> Value::boolean() const {
  if (!present() || !node(impl_).IsBool()) return std::nullopt;
  return node(impl_).GetBool();
}
Value Value::member(std::string_view name) const {
  if (!is_object()) return {};
  const auto& object = node(impl_);
  const auto it = object.FindMember(Node(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size()))));
  return it == object.MemberEnd() ? Value{} : Value{&it->value};
}
std::size_t Value::size() const { return is_array() ? node(impl_).Size() : 0; }
Value Value::at(std::size_t index) const { return index < size() ? Value{&node(impl_)[static_cast<rapidjson::SizeType>(index)]} : Value{}; }

struct Document::Impl {
  std::string text;  // parsed in place: strings point into it
  rapidjson::Document json;
};

Document::Document(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;
Value Document::root() const { return Value{static_cast<const Node*>(&impl_->json)}; }

std::expected<Document, ParseError> Document::parse(std::string text, Strict strict) {
  auto impl = std::make_unique<Impl>();
  impl->text = std::move(text);
  // The parser takes it for the end of the text, whatever follows.
  if (const auto nul = impl->text.find('\0'); nul != std::string::npos) {
    return std::unexpected(fault_at(nul, "a NUL byte"));
  }
  // A UTF-8 character that the end cuts short is read to its announced length, past the terminator.
  constexpr std::size_t kUtf8TailMax = 3;
  impl->text.append(kUtf8TailMax, '\0');
  // Iterative: a body of opening brackets must not overflow the stack.
  constexpr unsigned kFlags = rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;
  impl->json.ParseInsitu<kFlags>(impl->text.data());
  if (impl->json.HasParseError()) {
    return std::unexpected(fault_at(impl->json.GetErrorOffset(), fault_named(impl->json.GetParseError())));
  }
  if (strict == Strict::yes) {
    if (auto problem = strict_problem(impl->json, "", 0)) return std::unexpected(std::move(*problem));
  }
  return Document(std::move(impl));
}

struct Writer::Impl {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};
};

Writer::Writer() : impl_(std::make_unique<Impl>()) {}
Writer::~Writer() = default;
void Writer::begin_object() { impl_->writer.StartObject(); }
void Writer::end_object() { impl_->writer.EndObject(); }
void Writer::begin_array() { impl_->writer.StartArray(); }
void Writer::end_array() { impl_->writer.EndArray(); }
void Writer::key(std::string_view name) { impl_->writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); }
void Writer::string(std::string_view text) { impl_->writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size())); }
void Writer::integer(std::int64_t value) { impl_->writer.Int64(value); }
void Writer::number(double value) { std::isfinite(value) ? impl_->writer.Double(value) : impl_->writer.Null(); }
void Writer::boolean(bool value) { impl_->writer.Bool(value); }
void Writer::null() { impl_->writer.Null(); }
void Writer::raw(std::string_view json) { impl_->writer.RawValue(json.data(), json.size(), rapidjson::kObjectType); }
std::string_view Writer::text() const { return {impl_->buffer.GetString(), impl_->buffer.GetSize()}; }

std::string pretty(std::string_view json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError()) return std::string(json);
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  document.Accept(writer);
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace parley::json
