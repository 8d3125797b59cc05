# Every warning is an error, and every flag has its reason. Generated code is built without them.
set(DROVER_WARNINGS
  -Wall -Wextra        # the broad set
  -Wpedantic           # ISO C, so that another compiler reads the same program
  -Wconversion         # a value silently narrowed is a wrong length
  -Wsign-conversion    # a negative length is a huge one
  -Wshadow             # two things of one name in one scope
  -Wstrict-prototypes  # f() takes anything; f(void) takes nothing
  -Wmissing-prototypes # a public function without a header
  -Wformat=2           # a format that is no literal
  -Wcast-qual          # const cast away
  -Wwrite-strings      # literals are const
  -Wundef              # a misspelt macro is 0
  -Wvla                # the stack has a bound
  -Wimplicit-fallthrough # a forgotten break
  -Wno-gnu-statement-expression # TAKE is one
  -Werror)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # Statement expressions are ours on purpose and GCC has no finer switch; the rest of pedantic stays
  # on under clang, which the fuzzers are built with.
  list(REMOVE_ITEM DROVER_WARNINGS -Wpedantic -Wno-gnu-statement-expression)
endif()
