// immintrin.h for ISA sources. GCC 12's header builds "undefined" vectors from uninitialised variables, on
// purpose, and warns about itself wherever they are inlined.
#pragma once

#if defined(__AVX2__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif
