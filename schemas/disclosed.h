#pragma once
// Values as they may be shown: what a type declares to be personal is left out unless it is asked for, and what is
// sealed always is. What is left out stands as null, so that it can be told from what was never there.
#include <string>
#include <string_view>

#include "domain/kernel.h"
#include "schemas/fields.h"

namespace parley::schema {

enum class Disclosure {
  masked,    ///< Without personal text.
  personal,  ///< With it.
};

/// To whom an event is told, and who did it.
struct Telling {
  std::string_view actor;
  Disclosure disclosure;
};

template <class T>
void write_disclosed(json::Writer& w, const T& value, Disclosure disclosure);

namespace internal {

template <Described T>
void write_disclosed_object(json::Writer& w, const T& value, Disclosure disclosure) {
  w.begin_object();
  auto one = [&](const auto& f) {  // of the type's own members and of its bases'
    const auto& member = value.*f.member;
    using M = std::remove_cvref_t<decltype(member)>;
    if constexpr (is_optional<M>) {
      if (!member) return;
      w.key(f.name);
      write_disclosed(w, *member, disclosure);
    } else if constexpr (is_patch<M>) {
      if (!member.given) return;
      w.key(f.name);
      member.value ? write_disclosed(w, *member.value, disclosure) : w.null();
    } else {
      w.key(f.name);
      write_disclosed(w, member, disclosure);
    }
  };
  std::apply([&](const auto&... f) { (one(f), ...); }, fields<T>);
  w.end_object();
}

}  // namespace internal

/// Walks whatever is described; a kind of value that holds others must be known here.
template <class T>
void write_disclosed(json::Writer& w, const T& value, Disclosure disclosure) {
  if constexpr (std::same_as<T, Sealed>) {
    w.null();
  } else if constexpr (std::same_as<T, Personal>) {
    disclosure == Disclosure::personal ? Codec<T>::write(w, value) : w.null();
  } else if constexpr (is_list<T>) {
    w.begin_array();
    for (const auto& element : value) write_disclosed(w, element, disclosure);
    w.end_array();
  } else if constexpr (Described<T>) {
    internal::write_disclosed_object(w, value, disclosure);
  } else {
    Codec<T>::write(w, value);
  }
}

/// A described value as JSON text.
template <class T>
std::string disclosed(const T& value, Disclosure disclosure) {
  json::Writer w;
  write_disclosed(w, value, disclosure);
  return w.take();
}

}  // namespace parley::schema
