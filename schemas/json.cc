#include "schemas/json.h"

#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "schemas/json_limits.h"

namespace parley::json {
namespace {

using Node = rapidjson::Value;
const Node& node(const void* impl) { return *static_cast<const Node*>(impl); }
std::string_view view(const Node& v) { return {v.GetString(), v.GetStringLength()}; }

/// PostgreSQL's text has no NUL, and RapidJSON lets the escape of a lone low surrogate through (as the bytes ED B0..BF
/// xx).
std::optional<std::string> text_problem(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return "must not contain the NUL character";
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) == 0xED && static_cast<unsigned char>(text[i + 1]) >= 0xA0)
      return "must not contain lone surrogates";
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

ParseError fault_at(std::size_t byte, std::string_view fault) {
  return {"at byte " + std::to_string(byte) + ": " + std::string(fault), false, {}};
}

/// Builds a document of a caller's text, and ends the reading where the text has more than may pass: no more of it
/// costs anything.
class Bounded {
 public:
  explicit Bounded(rapidjson::Document& out) : out_(out) {}

  bool Null() { return fits() && out_.Null(); }
  bool Bool(bool b) { return fits() && out_.Bool(b); }
  bool Int(int i) { return fits() && out_.Int(i); }
  bool Uint(unsigned i) { return fits() && out_.Uint(i); }
  bool Int64(std::int64_t i) { return fits() && out_.Int64(i); }
  bool Uint64(std::uint64_t i) { return fits() && out_.Uint64(i); }
  bool Double(double d) { return fits() && out_.Double(d); }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool copy) {
    return fits() && out_.RawNumber(text, length, copy);
  }
  bool String(const char* text, rapidjson::SizeType length, bool copy) {
    return fits() && out_.String(text, length, copy);
  }
  bool Key(const char* text, rapidjson::SizeType length, bool copy) { return out_.Key(text, length, copy); }
  bool StartObject() { return fits() && enter() && out_.StartObject(); }
  bool EndObject(rapidjson::SizeType members) { return leave() && out_.EndObject(members); }
  bool StartArray() { return fits() && enter() && out_.StartArray(); }
  bool EndArray(rapidjson::SizeType elements) { return leave() && out_.EndArray(elements); }

  /// Why the reading was ended; empty when it was not.
  const std::string& issue() const { return issue_; }

 private:
  /// Whether one more value, at this depth, may pass.
  bool fits() {
    if (depth_ > kDepthMax) {
      issue_ = "must not be nested deeper than " + std::to_string(kDepthMax);
    } else if (++values_ > kValuesMax + 1) {  // one is the text's own value
      issue_ = "must have at most " + std::to_string(kValuesMax) + " members and elements";
    }
    return issue_.empty();
  }
  bool enter() {
    ++depth_;
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  rapidjson::Document& out_;
  int depth_ = 0;
  std::size_t values_ = 0;
  std::string issue_;
};

/// Where a value stands, from itself outwards: a text is made of it only where there is a problem.
struct Place {
  const Place* outer = nullptr;
  std::string_view name;  ///< Of a member; an element has its index.
  std::size_t index = 0;
  bool is_element = false;
};
/// "allowed_domains[2]", at most kPathBytesMax bytes.
std::string path_of(const Place& place) {
  std::vector<const Place*> places;  // the outermost value is the text itself, and has no name
  for (const auto* at = &place; at->outer != nullptr; at = at->outer) places.push_back(at);
  std::string path;
  for (auto at = places.rbegin(); at != places.rend() && path.size() <= kPathBytesMax; ++at) {
    if ((*at)->is_element) {
      path.append("[").append(std::to_string((*at)->index)).append("]");
    } else {
      path.append(path.empty() ? "" : ".").append((*at)->name.substr(0, kPathBytesMax + 1));
    }
  }
  if (path.size() <= kPathBytesMax) return path;
  constexpr std::string_view kCut = "\u2026";
  std::size_t end = kPathBytesMax - kCut.size();
  while ((path[end] & 0xC0) == 0x80) --end;  // not inside a character
  return path.substr(0, end).append(kCut);
}

std::optional<ParseError> strict_problem(const Node& value, const Place& place);

std::optional<ParseError> problem_of_members(const Node& value, const Place& place) {
  std::vector<std::string_view> names;
  names.reserve(value.MemberCount());
  for (const auto& member : value.GetObject()) {
    const auto name = view(member.name);
    if (text_problem(name)) return ParseError{"a field's name must be plain text", true, path_of(place)};
    names.push_back(name);
    if (auto problem = strict_problem(member.value, {.outer = &place, .name = name})) return problem;
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return std::nullopt;
  return ParseError{"must not be given twice", true, path_of({.outer = &place, .name = *twice})};
}

/// The first thing that may not pass, with its path. Depth is bounded, so the recursion is.
std::optional<ParseError> strict_problem(const Node& value, const Place& place) {
  if (value.IsString()) {
    if (auto issue = text_problem(view(value))) return ParseError{*issue, true, path_of(place)};
  } else if (value.IsDouble() && !std::isfinite(value.GetDouble())) {
    // RapidJSON reads 10e308 as infinity (in its precise mode as some other number).
    return ParseError{"must be a number that fits", true, path_of(place)};
  } else if (value.IsArray()) {
    for (unsigned i = 0; i < value.Size(); ++i) {
      if (auto problem = strict_problem(value[i], {.outer = &place, .index = i, .is_element = true})) return problem;
    }
  } else if (value.IsObject()) {
    return problem_of_members(value, place);
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
  const auto it =
      object.FindMember(Node(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size()))));
  return it == object.MemberEnd() ? Value{} : Value{&it->value};
}
std::size_t Value::size() const { return is_array() ? node(impl_).Size() : 0; }
Value Value::at(std::size_t index) const {
  return index < size() ? Value{&node(impl_)[static_cast<rapidjson::SizeType>(index)]} : Value{};
}

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
  constexpr unsigned kFlags =
      rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseInsituFlag;
  rapidjson::InsituStringStream stream(impl->text.data());
  rapidjson::Reader reader;
  Bounded bounded(impl->json);
  const auto build = [&](rapidjson::Document& json) {
    return strict == Strict::yes ? !reader.Parse<kFlags>(stream, bounded).IsError()
                                 : !reader.Parse<kFlags>(stream, json).IsError();
  };
  impl->json.Populate(build);
  if (!bounded.issue().empty()) return std::unexpected(ParseError{bounded.issue(), false, {}});
  if (reader.HasParseError()) {
    return std::unexpected(fault_at(reader.GetErrorOffset(), fault_named(reader.GetParseErrorCode())));
  }
  if (strict == Strict::yes) {
    if (auto problem = strict_problem(impl->json, {})) return std::unexpected(std::move(*problem));
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
void Writer::key(std::string_view name) {
  impl_->writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
}
void Writer::string(std::string_view text) {
  impl_->writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}
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
