#include "data/python_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace fettle {
namespace {

std::string again(std::string_view text) {
  return python_json(read_python_json(text, "it"));
}

std::string error_of(std::string_view text) {
  try {
    read_python_json(text, "the call");
  } catch (const Error& error) {
    return error.message();
  }
  return "no error";
}

// Expected texts are what json.dumps(json.loads(text), ensure_ascii=False) of Python 3.11 gives.
TEST(PythonJson, WritesAsPythonDoes) {
  EXPECT_EQ(again(R"( {"b":1 ,"a":[ ],"c":{}} )"), R"({"b": 1, "a": [], "c": {}})");
  EXPECT_EQ(again(R"([true,false,null,"é\u00e9\n\u0001\u007f\/"])"),
            "[true, false, null, \"éé\\n\\u0001\x7f/\"]");
  EXPECT_EQ(again("[1.0,-0.0,0.1,100.50,1e5,-0]"), "[1.0, -0.0, 0.1, 100.5, 100000.0, 0]");
  EXPECT_EQ(again("[1e15,1e16,123456789012345680.0,1e-4,0.00001,1.5E300]"),
            "[1000000000000000.0, 1e+16, 1.2345678901234568e+17, 0.0001, 1e-05, 1.5e+300]");
  EXPECT_EQ(again("[18446744073709551615,-9223372036854775808]"),
            "[18446744073709551615, -9223372036854775808]");
  EXPECT_EQ(again(R"({"a":1,"b":2,"a":3})"), R"({"a": 3, "b": 2})");
}

TEST(PythonJson, RefusesWhatWouldNotComeBack) {
  EXPECT_EQ(error_of("[1, 2"), "the call is not JSON (wrong at byte 6): [1, 2");
  EXPECT_EQ(error_of("{} x"), "the call is not JSON (wrong at byte 4): {} x");
  EXPECT_EQ(error_of("[18446744073709551616]"),
            "the call holds 18446744073709551616, a number of more than 64 bits: [18446744073709551616]");
  EXPECT_EQ(error_of("1e999"), "the call holds a number beyond the range of a double: 1e999");
  EXPECT_EQ(error_of(std::string(600, '[')).substr(0, 30), "the call is nested too deeply:");
  EXPECT_EQ(error_of("[" + std::string(100, 'e')),
            "the call is not JSON (wrong at byte 2): [" + std::string(79, 'e') + " …");
}

TEST(PythonJson, WritesInTheStyleAskedFor) {
  const nlohmann::ordered_json value = {{"b", {1, "é"}}, {"a", nlohmann::ordered_json::array()}};
  EXPECT_EQ(python_json(value, {.ensure_ascii = true}), R"({"b": [1, "\u00e9"], "a": []})");
  EXPECT_EQ(python_json(value, {.indent = "\t", .between_items = ","}),
            "{\n\t\"b\": [\n\t\t1,\n\t\t\"é\"\n\t],\n\t\"a\": []\n}");
  EXPECT_EQ(python_json(value, {.between_items = ",", .behind_key = ":"}), R"({"b":[1,"é"],"a":[]})");
  EXPECT_EQ(python_json({std::nan(""), -HUGE_VAL}), "[NaN, -Infinity]");
}

}  // namespace
}  // namespace fettle
