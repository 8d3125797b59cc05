# drover_embed(TARGET SYMBOL FILE): build FILE's bytes into TARGET as
#     extern const char SYMBOL[];          terminated by a NUL that is not counted
#     extern const size_t SYMBOL_size;
# The C file is made at build time and again when FILE changes. Run as a script (cmake -P) this same
# file is the generator.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${INPUT}" hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" lines "${hex}") # 16 bytes a line
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${lines}")
  get_filename_component(name "${INPUT}" NAME)
  file(WRITE "${OUTPUT}" "/* Generated from ${name}. */\n#include <stddef.h>\n\n"
       "extern const char ${SYMBOL}[];\nextern const size_t ${SYMBOL}_size;\n\n"
       "const size_t ${SYMBOL}_size = ${size};\nconst char ${SYMBOL}[] = {\n${bytes}\n0};\n")
  return()
endif()

include_guard(GLOBAL)
set(DROVER_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(drover_embed target symbol file)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embed_${symbol}.c)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${output} -DSYMBOL=${symbol}
            -P ${DROVER_EMBED_SCRIPT}
    DEPENDS ${file} ${DROVER_EMBED_SCRIPT}
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
