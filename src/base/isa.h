// Names for sources that cmake/isa.cmake compiles once per instruction set. A table of such a source is
// reached from ordinary code by FETTLE_ISA_TABLES, which declares the one of every set.
#pragma once

#define FETTLE_ISA_PASTE_(a, b) a##_##b
#define FETTLE_ISA_PASTE(a, b) FETTLE_ISA_PASTE_(a, b)
#define FETTLE_ISA_QUOTE_(a) #a
#define FETTLE_ISA_QUOTE(a) FETTLE_ISA_QUOTE_(a)

/// Inside an ISA source: table_avx2 and so on, and "avx2" and so on.
#define FETTLE_ISA_SYMBOL(table) FETTLE_ISA_PASTE(table, FETTLE_ISA_NAME)
#define FETTLE_ISA_TEXT FETTLE_ISA_QUOTE(FETTLE_ISA_NAME)

/// At namespace scope, elsewhere: declares the table of every set in cmake/isa.cmake.
#define FETTLE_ISA_TABLES(type, table) \
  extern type table##_generic, table##_avx2, table##_avx512, table##_avx512bf16;
