#include "compat/llamafactory/interpolation.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/error.h"

namespace fettle::llamafactory {
namespace {

const Scalars kScalars = {
    {"model", "qwen"}, {"rank", "8"}, {"name", "${model}-r${rank}"}, {"a", "${b}"}, {"b", "${a}"}};

std::string of(const std::string& value) {
  return interpolated("output_dir", value, kScalars, "run.yaml:3");
}

std::string error_of(const std::string& value) {
  try {
    return "no error: " + of(value);
  } catch (const Error& e) {
    return e.parts().what + " | " + e.hint();
  }
}

TEST(Interpolation, PutsInKeysAndTheEnvironment) {
  EXPECT_EQ(of("saves/plain"), "saves/plain");
  EXPECT_EQ(of("saves/${model}/${rank}/x"), "saves/qwen/8/x");
  EXPECT_EQ(of("saves/${name}"), "saves/qwen-r8");
  setenv("FETTLE_TEST_NAME", "me", 1);
  EXPECT_EQ(of("${oc.env:FETTLE_TEST_NAME}/x"), "me/x");
  unsetenv("FETTLE_TEST_NAME");
  EXPECT_EQ(of("${oc.env:FETTLE_TEST_NAME,nobody}/x"), "nobody/x");
}

TEST(Interpolation, NamesWhatItCannotPutIn) {
  EXPECT_EQ(error_of("${modell}"),
            "output_dir: ${modell} names no single value of this config | did you mean ${model}?");
  EXPECT_EQ(error_of("${oc.env:FETTLE_TEST_NAME}"),
            "output_dir: the environment variable FETTLE_TEST_NAME is not set | set it, or give a default: "
            "${oc.env:FETTLE_TEST_NAME,value}");
  EXPECT_EQ(error_of("${now:%Y}"),
            "output_dir: the resolver of ${now:%Y} is not known | ${key} and ${oc.env:NAME} are");
  EXPECT_EQ(error_of("${a}"), "output_dir: ${…} leads back to itself | break the circle");
  EXPECT_EQ(error_of("${model"), "output_dir: ${ is not closed | write ${key} or ${oc.env:NAME}");
}

}  // namespace
}  // namespace fettle::llamafactory
