#include "commands/authoring/new_files.h"

#include "base/embed.h"

EMBED(new_file_c, "../sdk/template/new/strategy.c");
EMBED(new_file_cpp, "../sdk/template/new/strategy.cpp");
EMBED(new_file_test, "../sdk/template/new/strategy_test.c");
EMBED(new_file_ini, "../sdk/template/new/strategy.ini");
EMBED(new_file_cmake, "../sdk/template/new/CMakeLists.txt");
EMBED(new_file_python, "../sdk/template/new/strategy.py");
EMBED(new_file_python_test, "../sdk/template/new/strategy_test.py");
EMBED(new_file_python_ini, "../sdk/template/new/strategy_python.ini");
EMBED(new_file_sample, "../sdk/template/new/sample.jsonl");

#define C    (1u << NEW_C)
#define CXX  (1u << NEW_CXX)
#define BOTH (C | CXX)
#define PY   (1u << NEW_PYTHON)

const struct new_file new_files[] = {
    {"@NAME@.c", C, new_file_c_begin, new_file_c_end},
    {"@NAME@.cpp", CXX, new_file_cpp_begin, new_file_cpp_end},
    {"@NAME@_test.@EXTENSION@", BOTH, new_file_test_begin, new_file_test_end},
    {"@NAME@.ini", BOTH, new_file_ini_begin, new_file_ini_end},
    {"CMakeLists.txt", BOTH, new_file_cmake_begin, new_file_cmake_end},
    {"@NAME@.py", PY, new_file_python_begin, new_file_python_end},
    {"test_@NAME@.py", PY, new_file_python_test_begin, new_file_python_test_end},
    {"@NAME@.ini", PY, new_file_python_ini_begin, new_file_python_ini_end},
    {"sample.jsonl", BOTH | PY, new_file_sample_begin, new_file_sample_end},
    {NULL, 0, NULL, NULL},
};
