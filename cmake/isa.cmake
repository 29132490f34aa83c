# fettle_isa_objects(TARGET SOURCE…): compiles each source once per instruction set with FETTLE_ISA_NAME defined to
# the set's name. A source exports exactly one constinit table, named with FETTLE_ISA_SYMBOL(table), and includes
# nothing that could leak inline code (no STL); tools/check_isa_objects holds every object to that with nm.
set(FETTLE_ISA_SETS generic avx2 avx512 avx512bf16)
set(FETTLE_ISA_FLAGS_generic "")
set(FETTLE_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi2)
set(FETTLE_ISA_FLAGS_avx512 ${FETTLE_ISA_FLAGS_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512)
set(FETTLE_ISA_FLAGS_avx512bf16 ${FETTLE_ISA_FLAGS_avx512} -mavx512bf16 -mavx512vbmi -mavx512vnni)

function(fettle_isa_objects TARGET)
  foreach(isa ${FETTLE_ISA_SETS})
    set(lib ${TARGET}_isa_${isa})
    add_library(${lib} OBJECT ${ARGN})
    target_link_libraries(${lib} PRIVATE fettle_flags)
    target_compile_definitions(${lib} PRIVATE FETTLE_ISA_NAME=${isa} FETTLE_ISA_IS_${isa}=1)
    # A fused multiply-add is where a kernel writes one, so a result depends on the instruction set (recorded in every
    # checkpoint), never on threads, on a row's place or on the compiler.
    target_compile_options(${lib} PRIVATE -O3 -fopenmp-simd -fno-exceptions -fno-rtti -fno-threadsafe-statics
                                          ${FETTLE_ISA_FLAGS_${isa}})
    # No reader runs a kernel, and clang takes minutes for one that is unrolled and instrumented.
    set_target_properties(${lib} PROPERTIES FETTLE_BARE ${FETTLE_FUZZ})
    target_sources(${TARGET} PRIVATE $<TARGET_OBJECTS:${lib}>)
  endforeach()
endfunction()
