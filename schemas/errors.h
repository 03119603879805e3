#pragma once
// The error table: what each code is called, which HTTP status it has, whether asking again may help, and its texts.
#include <array>
#include <span>
#include <string>
#include <string_view>

#include "domain/kernel.h"
#include "schemas/fields.h"

namespace parley::schema {

struct ErrorRow {
  Code code;
  std::string_view name;  ///< In answers: "DIALOG_NOT_FOUND". Never renamed once released.
  int status;
  bool retryable;  ///< The same request may succeed later, unchanged.
  std::string_view russian;
  std::string_view english;
};

/// Every row, in the order of the codes.
std::span<const ErrorRow> error_rows();
/// All of them as a page of Markdown.
std::string error_catalogue();
/// Total: a static assertion counts the rows, and a test that each stands at its place.
const ErrorRow& error_row(Code code);
std::optional<Code> code_named(std::string_view name);

template <>
struct Codec<Code> {
  static Read<Code> read(json::Value v, const Limits&) {
    if (const auto text = v.string()) {
      if (const auto code = code_named(*text)) return *code;
    }
    return problem("must be a code of the error table");
  }
  static void write(json::Writer& w, Code code) { w.string(error_row(code).name); }
  /// With what each code means, in the words of generators of clients.
  static void schema(json::Writer& w, const Limits&);
};

}  // namespace parley::schema
