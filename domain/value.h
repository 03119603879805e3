#pragma once
// Events, states, commands and answers without their types. What is above a context (decider, projector, audit, backup,
// API) handles these, and the context's own files alone know what is inside: they alone are compiled anew when a
// context changes.
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>
#include <variant>

namespace parley {

/// What a context's variant is: specialised beside each of them, so that a command is not taken for an event.
enum class Part { none, event, state, command, answer };
template <class T>
inline constexpr Part part_of = Part::none;

/// A value of some context: its Event, State, Command or Answer. Immutable; copying shares it, so that it may pass from
/// thread to thread. A default one is empty, and equal to other empty ones alone. Commands are equal when they share
/// one value.
template <Part part>
class Value {
 public:
  Value() = default;
  template <class T>
    requires(part_of<T> == part)
  Value(T value) : held_(std::make_shared<const T>(std::move(value))), type_(&kType<T>) {}

  /// The context's own value; nullptr when this is another context's.
  template <class T>
    requires(part_of<T> == part)
  const T* get_if() const {
    return type_ == &kType<T> ? static_cast<const T*>(held_.get()) : nullptr;
  }
  template <class T>
    requires(part_of<T> == part)
  bool holds() const {
    return type_ == &kType<T>;
  }
  /// An alternative of whichever context's variant this is; nullptr when it is another one.
  template <class Alternative>
  const Alternative* alternative() const {
    return type_ == nullptr ? nullptr
                            : static_cast<const Alternative*>(type_->alternative(held_.get(), typeid(Alternative)));
  }
  /// Throws std::logic_error when this is another context's: a broken invariant.
  template <class T>
    requires(part_of<T> == part)
  const T& get() const {
    if (const auto* value = get_if<T>()) return *value;
    throw std::logic_error(std::string("a value of ") + (type_ == nullptr ? "no context" : type_->info->name()) +
                           " where one of " + typeid(T).name() + " was expected");
  }

  friend bool operator==(const Value& a, const Value& b) {
    if (a.type_ != b.type_) return false;
    return a.held_ == b.held_ || a.type_->equal(a.held_.get(), b.held_.get());
  }

 private:
  struct Type {
    const std::type_info* info;
    bool (*equal)(const void*, const void*);
    const void* (*alternative)(const void*, const std::type_info&);
  };
  template <class T>
  static bool equal(const void* a, const void* b) {
    if constexpr (part == Part::command) {
      return a == b;  // a command is decided and never compared
    } else {
      return *static_cast<const T*>(a) == *static_cast<const T*>(b);
    }
  }
  template <class T>
  static const void* alternative_of(const void* held, const std::type_info& wanted) {
    const auto look = [&]<class A>(const A& one) -> const void* { return typeid(A) == wanted ? &one : nullptr; };
    return std::visit(look, *static_cast<const T*>(held));
  }
  template <class T>
  static constexpr Type kType{&typeid(T), equal<T>, alternative_of<T>};

  std::shared_ptr<const void> held_;
  const Type* type_ = nullptr;
};

using Event = Value<Part::event>;
using State = Value<Part::state>;
using Command = Value<Part::command>;
using Answer = Value<Part::answer>;

}  // namespace parley
