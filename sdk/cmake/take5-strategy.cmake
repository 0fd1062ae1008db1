# take5_add_strategy(NAME [SOURCES] source...)
#
# A strategy: the module target NAME, built as NAME.so. It exports the descriptor alone, so that
# nothing of it can be taken for a function of the host or of another strategy; every symbol that it
# uses must be found when it is linked, so that a typing mistake does not wait for the load.
# C++ statics of inline functions stay its own (without -fno-gnu-unique the loader shares them
# between all versions of a strategy and never lets them go).
set(TAKE5_STRATEGY_MAP ${CMAKE_CURRENT_LIST_DIR}/take5-strategy.map
  CACHE INTERNAL "Version script of strategies")

function(take5_add_strategy NAME)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  add_library(${NAME} MODULE ${arg_SOURCES} ${arg_UNPARSED_ARGUMENTS})
  set_target_properties(${NAME} PROPERTIES
    PREFIX ""
    SUFFIX ".so"
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${TAKE5_STRATEGY_MAP})
  target_link_libraries(${NAME} PRIVATE take5::sdk)
  target_compile_options(${NAME} PRIVATE
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${NAME} PRIVATE "LINKER:--version-script=${TAKE5_STRATEGY_MAP}")
  # Not with clang, whose sanitizers leave their functions to the program that loads the strategy.
  if(CMAKE_C_COMPILER_ID STREQUAL GNU OR CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_link_options(${NAME} PRIVATE "LINKER:--no-undefined")
  endif()
endfunction()
