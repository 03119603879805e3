# cmake -DOUT=file.cc -DFILES="a.sql;b.sql" -P embed.cmake: writes the files as raw strings.
set(rows "")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  string(LENGTH "${text}" length)
  if(length GREATER 60000) # a compiler must take literals of 65536 characters, not longer ones
    message(FATAL_ERROR "${name} is too long for one literal: split it")
  endif()
  string(APPEND rows "    {\"${name}\", R\"parley-sql(${text})parley-sql\"},\n")
endforeach()
file(WRITE "${OUT}" "#include \"schemas/sql/migrations.h\"\n\nnamespace parley::schema {\n\nstd::span<const SqlFile> sql_files() {\n  static constexpr SqlFile files[] = {\n${rows}  };\n  return files;\n}\n\n}  // namespace parley::schema\n")
