# Included by CMakeLists.txt of this folder: tests of fingerprints, normalisation and shapes.
add_library(test_print STATIC print.c)
target_compile_options(test_print PRIVATE ${DROVER_WARNINGS})
target_link_libraries(test_print PUBLIC test_tenant)
foreach(test fingerprint fingerprint_changes fingerprint_diff normalise shape)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${test}.c)
    drover_unit_test(postgres/${test} LINK test_print)
  endif()
endforeach()
