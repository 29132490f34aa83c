# fettle_room(NAME LINKS lib…): one folder of src/ = one static library. Its sources are every .cpp of the folder;
# *_test.cpp become the executable NAME_test; everything below a folder named isa/ is compiled by fettle_isa_objects.
# LINKS is the room's list of arrows: what is not named here cannot be included (tools/check_layers reads the includes).
set(FETTLE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers)

add_library(fettle_flags INTERFACE)
# Checks name their file: as the tree has it, not where it was built.
target_compile_options(fettle_flags INTERFACE ${FETTLE_WARNINGS} -ffp-contract=off -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_include_directories(fettle_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(FETTLE_SANITIZE)
  target_compile_options(fettle_flags INTERFACE -fsanitize=${FETTLE_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(fettle_flags INTERFACE -fsanitize=${FETTLE_SANITIZE})
endif()

function(fettle_room NAME)
  cmake_parse_arguments(ARG "" "" "LINKS;TEST_LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$|/isa/|/main\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  if(NOT sources)
    return()
  endif()
  add_library(fettle_${NAME} STATIC ${sources})
  target_link_libraries(fettle_${NAME} PUBLIC fettle_flags ${ARG_LINKS})
  if(FETTLE_TESTS AND tests)
    add_executable(${NAME}_test ${tests})
    target_link_libraries(${NAME}_test PRIVATE fettle_${NAME} ${ARG_TEST_LINKS} GTest::gtest_main)
    target_compile_definitions(${NAME}_test PRIVATE FETTLE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${NAME} COMMAND ${NAME}_test)
  endif()
endfunction()
