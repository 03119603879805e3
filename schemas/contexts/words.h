#pragma once
// What the words of events are made of (schemas/contexts/*.h).
#include <optional>
#include <string>

#include "schemas/disclosed.h"

namespace parley::schema {

/// Who did it.
inline std::string by(const Telling& telling) { return std::string(telling.actor); }
/// A text about a person, or how long it is where that may not be shown.
inline std::string told(const Personal& text, const Telling& telling) {
  if (telling.disclosure == Disclosure::personal) return text.text;
  return "(" + std::to_string(characters(text.text)) + " characters)";
}
/// A name after the word that it belongs to, where there is one and it may be shown.
inline std::string named(const std::optional<Personal>& name, const Telling& telling) {
  return name && telling.disclosure == Disclosure::personal ? " " + name->text : "";
}
inline std::string roubles(Kopecks k) {
  const auto rest = std::to_string(k.amount % 100);
  return std::to_string(k.amount / 100) + "." + (rest.size() < 2 ? "0" : "") + rest + " roubles";
}
/// The fields that a partial change has, each after a blank.
template <class Change>
std::string changed_parts(const Change& change) {
  std::string parts;
  const auto one = [&]<class M>(const Field<Change, M>& f) {
    const M& part = change.*f.member;
    bool is_said = false, goes = false;
    if constexpr (is_patch<M>) {
      is_said = part.given;
      goes = !part.value;
    } else {
      is_said = part.has_value();
    }
    if (is_said) parts.append(parts.empty() ? " " : ", ").append(f.name).append(goes ? " (cleared)" : "");
  };
  std::apply([&](const auto&... f) { (one(f), ...); }, fields<Change>);
  return parts;
}

}  // namespace parley::schema
