# find_package(lucidlink) gives two targets: lucidlink::lucidlink, the shared library, and lucidlink::static.
# Nothing here names a place: the folder that holds lib and include can be moved.

if(TARGET lucidlink::lucidlink)
  return()
endif()

get_filename_component(_lucidlink_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

add_library(lucidlink::lucidlink SHARED IMPORTED)
set_target_properties(lucidlink::lucidlink PROPERTIES
  IMPORTED_LOCATION "${_lucidlink_prefix}/lib/liblucidlink.so.0"
  IMPORTED_SONAME liblucidlink.so.0
  INTERFACE_INCLUDE_DIRECTORIES "${_lucidlink_prefix}/include")

find_package(Threads REQUIRED)
add_library(lucidlink::static STATIC IMPORTED)
set_target_properties(lucidlink::static PROPERTIES
  IMPORTED_LOCATION "${_lucidlink_prefix}/lib/liblucidlink.a"
  INTERFACE_COMPILE_DEFINITIONS LL_STATIC
  INTERFACE_INCLUDE_DIRECTORIES "${_lucidlink_prefix}/include"
  INTERFACE_LINK_LIBRARIES "gcc_s;m;dl;Threads::Threads")

unset(_lucidlink_prefix)
