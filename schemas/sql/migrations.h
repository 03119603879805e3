#pragma once
// The SQL files of this folder, in the order of their numbers, compiled into the program.
#include <span>
#include <string_view>

namespace parley::schema {

struct SqlFile {
  std::string_view name;  ///< "0001_read_models.sql"
  std::string_view text;
};
std::span<const SqlFile> sql_files();

}  // namespace parley::schema
