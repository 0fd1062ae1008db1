# Makes what the page's assets are embedded from (page_assets.c): each file compressed, and a list
# with their names, of which a hash of the content is a part.
#   cmake -DOUT=DIR -DFILES="NAME=PATH;..." -P assets.cmake
# NAME is what the page calls it, such as app.js; of several files with one NAME their contents
# follow each other.
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
  execute_process(COMMAND cat ${paths_${name}} OUTPUT_FILE ${OUT}/${name} RESULT_VARIABLE failed)
  if(NOT failed)
    execute_process(COMMAND gzip -9 -n -c ${OUT}/${name} OUTPUT_FILE ${OUT}/${name}.gz
      RESULT_VARIABLE failed)
  endif()
  if(failed)
    message(FATAL_ERROR "cannot make ${OUT}/${name}.gz: ${failed}")
  endif()
  file(SHA256 ${OUT}/${name} hash)
  string(SUBSTRING ${hash} 0 12 hash)
  string(REGEX MATCH "^(.+)\\.([^.]+)$" unused ${name})
  set(type "${types_${CMAKE_MATCH_2}}")
  string(REPLACE "\\;" ";" type "${type}")
  string(MAKE_C_IDENTIFIER page_asset_${name} symbol)
  string(APPEND lines
    "ASSET(${symbol}, \"assets/${CMAKE_MATCH_1}.${hash}.${CMAKE_MATCH_2}\", \"${type}\", \"${OUT}/${name}.gz\")\n")
endforeach()
file(WRITE ${OUT}/page_asset_files.inc "${lines}")
