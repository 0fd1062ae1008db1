# Makes what a room embeds files from: each of them compressed, and a list with their names, of which
# a hash of the content is a part (assets/asset.h; take5_assets of host/CMakeLists.txt).
#   cmake -DOUT=DIR -DLIST=FILE.inc -DFILES="NAME=PATH;..." -P embed.cmake
# NAME is what a page calls it, such as app.js; of several files with one NAME their contents follow
# each other, without their references to source maps: nobody fetches those.
cmake_minimum_required(VERSION 3.18)

set(types_js "text/javascript\\; charset=utf-8")
set(types_css "text/css\\; charset=utf-8")
set(types_svg "image/svg+xml")
set(types_txt "text/plain\\; charset=utf-8")

file(MAKE_DIRECTORY ${OUT})
set(names)
foreach(entry IN LISTS FILES)
  string(REGEX MATCH "^([^=]+)=(.+)$" unused "${entry}")
  if(NOT CMAKE_MATCH_1 IN_LIST names)
    list(APPEND names ${CMAKE_MATCH_1})
  endif()
  list(APPEND paths_${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()

set(lines)
foreach(name IN LISTS names)
  execute_process(COMMAND sed -e "/^\\/[/*]# sourceMappingURL=/d" ${paths_${name}}
    OUTPUT_FILE ${OUT}/${name} RESULT_VARIABLE failed)
  if(NOT failed)
    execute_process(COMMAND gzip -9 -n -c ${OUT}/${name} OUTPUT_FILE ${OUT}/${name}.gz
      RESULT_VARIABLE failed)
  endif()
  if(failed)
    message(FATAL_ERROR "cannot make ${OUT}/${name}.gz: ${failed}")
  endif()
  file(SHA256 ${OUT}/${name} sha256)
  string(SUBSTRING ${sha256} 0 12 hash)
  string(REGEX MATCH "^(.+)\\.([^.]+)$" unused ${name})
  set(type "${types_${CMAKE_MATCH_2}}")
  string(REPLACE "\\;" ";" type "${type}")
  get_filename_component(list ${LIST} NAME_WE)
  string(MAKE_C_IDENTIFIER ${list}_${name} symbol)
  string(APPEND lines
    "ASSET(${symbol}, \"assets/${CMAKE_MATCH_1}.${hash}.${CMAKE_MATCH_2}\", \"${type}\", \"${sha256}\", \"${OUT}/${name}.gz\")\n")
endforeach()
file(WRITE ${OUT}/${LIST} "${lines}")
