# Writes OUTPUT, a C++ file that holds the YANG modules of MODULES (in loading order, comma
# separated names) from DIRECTORY. Run at build time: cmake -D... -P embed_yang.cmake
string(REPLACE "," ";" modules "${MODULES}")
set(text "// Made from yang/ by embed_yang.cmake.\n#include \"config/schema.h\"\n\n")
string(APPEND text "namespace segw::config {\n\nconst std::vector<YangModule>& yang_modules() {\n")
string(APPEND text "  static const std::vector<YangModule> modules = {\n")
foreach(module IN LISTS modules)
  file(READ "${DIRECTORY}/${module}.yang" content)
  string(APPEND text "      {\"${module}\", R\"yang(${content})yang\"},\n")
endforeach()
string(APPEND text "  };\n  return modules;\n}\n\n}  // namespace segw::config\n")
file(WRITE "${OUTPUT}" "${text}")
