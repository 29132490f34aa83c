// Files that pyarrow wrote, read as pyarrow reads them.
#include <gtest/gtest.h>

#include "format/columnar/columnar_testing.h"

namespace fettle {
namespace {

namespace fs = std::filesystem;

nlohmann::ordered_json rows_of(const fs::path& path) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  read_records(path, [&](Record&& record, const RecordPlace& place) {
    EXPECT_EQ(place.line, int64_t(rows.size()) + 1);
    // As text and back: bytes become what the golden file has for them.
    rows.push_back(nlohmann::ordered_json::parse(record.dump()));
    return true;
  });
  return rows;
}

TEST(ColumnarGolden, EveryFileIsReadAsPyarrowReadsIt) {
  const auto golden =
      nlohmann::ordered_json::parse(read_text(FETTLE_SOURCE_DIR "/tests/golden/columnar.json"));
  int compared = 0;
  for (const auto& [name, expected] : golden["files"].items()) {
    SCOPED_TRACE(name);
    const fs::path path = fs::path(FETTLE_SOURCE_DIR) / "tests/golden/columnar" / name;
    try {
      const auto rows = rows_of(path);
      ASSERT_TRUE(expected.contains("records")) << "no error: " << expected["error"];
      ASSERT_EQ(rows.size(), expected["records"].size());
      for (size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i], expected["records"][i]) << "row " << i + 1;
    } catch (const Error& error) {
      ASSERT_TRUE(expected.contains("error")) << error.message();
      const std::string start = path.string() + expected["error"].get<std::string>();
      EXPECT_EQ(error.message().substr(0, start.size()), start);
    }
    ++compared;
  }
  EXPECT_GE(compared, 30);
}

}  // namespace
}  // namespace fettle
