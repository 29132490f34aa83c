#include "kernel/isa.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernel/cpu_ops.h"

namespace fettle {
namespace {

TEST(Isa, TheBestSupportedSetIsChosenWhenNothingIsWished) {
  const Isa best = choose_isa("");
  EXPECT_TRUE(row(best).supported());
  for (const IsaRow& r : isa_rows()) {
    if (r.supported()) {
      EXPECT_LE(int(r.isa), int(best)) << r.name;
    }
  }
}

TEST(Isa, AWishIsHeeded) {
  EXPECT_EQ(choose_isa("generic"), Isa::generic);
  for (const IsaRow& r : isa_rows()) {
    if (r.supported()) {
      EXPECT_EQ(choose_isa(r.name), r.isa);
    }
  }
}

TEST(Isa, TheEnvironmentWishes) {
  const char* before = std::getenv("FETTLE_ISA");
  const std::string kept = before ? before : "";
  setenv("FETTLE_ISA", "generic", 1);
  EXPECT_EQ(choose_isa(), Isa::generic);
  unsetenv("FETTLE_ISA");
  EXPECT_EQ(choose_isa(), choose_isa(""));
  if (before) setenv("FETTLE_ISA", kept.c_str(), 1);
}

TEST(Isa, AnUnknownNameIsAnErrorThatListsTheNames) {
  try {
    choose_isa("avx1024");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.where(), "FETTLE_ISA");
    EXPECT_NE(e.message().find("avx1024"), std::string::npos);
    EXPECT_NE(e.hint().find("generic, avx2, avx512, avx512bf16"), std::string::npos);
  }
}

TEST(Isa, ASetThisCpuLacksIsAnError) {
  for (const IsaRow& r : isa_rows()) {
    if (r.supported()) continue;
    EXPECT_THROW(choose_isa(r.name), Error) << r.name;
    EXPECT_THROW(make_cpu_ops({.isa = r.isa, .threads = 1}), Error) << r.name;
  }
}

TEST(Isa, OpsSayWhatTheyAre) {
  for (const IsaRow& r : isa_rows()) {
    if (r.supported()) {
      EXPECT_STREQ(make_cpu_ops({.isa = r.isa, .threads = 2})->isa(), r.name);
    }
  }
}

}  // namespace
}  // namespace fettle
