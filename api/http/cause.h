#pragma once
// What a log may say of an exception.
#include <string>

namespace parley::http {

/// For a catch block: the type of the exception being handled, and its text where that is the program's or the system's
/// own words. An exception of any other type may quote what a person wrote.
std::string cause_of_current_exception();

}  // namespace parley::http
