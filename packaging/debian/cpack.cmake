# Read by cpack itself. A package is only right when the program was built for the places that the
# package puts things in.
if(NOT CPACK_INSTALL_PREFIX STREQUAL /usr)
  message(FATAL_ERROR "this build is for ${CPACK_INSTALL_PREFIX}, a package needs one for /usr: "
    "sh packaging/package.sh makes it")
endif()
