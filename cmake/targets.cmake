# The few kinds of target in this house.

# drover_library(NAME SOURCES … LINK …): a static library of ours, built with every warning.
function(drover_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_compile_options(${name} PRIVATE ${DROVER_WARNINGS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  # libcrypto.a and its kind belong to others
  set_target_properties(${name} PROPERTIES OUTPUT_NAME drover_${name})
endfunction()

# drover_program(NAME SOURCES … LINK …): one of the three programs, or a tool of the tests.
function(drover_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_compile_options(${name} PRIVATE ${DROVER_WARNINGS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# drover_unit_test(PATH LINK …): tests/unit/PATH.c, a cmocka program named after its path. Those on a
# PostgreSQL of their own are labelled server: the suite runs them under the sanitizers alone (suite.py).
set(DROVER_SERVER_FIXTURES test_tenant test_print test_stage test_restore test_inventory)
function(drover_unit_test path)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  string(REPLACE "/" "_" name "unit_${path}")
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/unit/${path}.c)
  target_compile_options(${name} PRIVATE ${DROVER_WARNINGS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} PkgConfig::CMOCKA)
  add_test(NAME unit/${path} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set(labels unit)
  foreach(fixture ${DROVER_SERVER_FIXTURES})
    if(fixture IN_LIST ARG_LINK)
      set(labels unit server)
    endif()
  endforeach()
  # a net for what hangs, not a bound on what is slow: a server's databases come and go dozens of times
  set_tests_properties(unit/${path} PROPERTIES TIMEOUT 400 LABELS "${labels}")
endfunction()

# drover_fuzzer(NAME SEEDS dir LINK …): tests/fuzz/fuzz_NAME.c. With DROVER_FUZZ a libFuzzer program
# (run five seconds in the suite); without, the same function is driven over its seeds by a main of
# our own, so that every build runs the seeds.
function(drover_fuzzer name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  set(seeds ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/${name})
  add_executable(fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_${name}.c)
  target_compile_options(fuzz_${name} PRIVATE ${DROVER_WARNINGS})
  target_link_libraries(fuzz_${name} PRIVATE ${ARG_LINK})
  if(DROVER_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/corpus/${name})
    add_test(NAME fuzz/${name} COMMAND fuzz_${name} -max_total_time=5 -timeout=10 -rss_limit_mb=2048
             -print_final_stats=1 ${PROJECT_BINARY_DIR}/corpus/${name} ${seeds})
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
    add_test(NAME fuzz/${name} COMMAND fuzz_${name} ${seeds})
  endif()
  set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
endfunction()
