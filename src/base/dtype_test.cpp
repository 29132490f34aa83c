#include "base/dtype.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fettle {

TEST(DType, TheTableIsInTheOrderOfTheEnum) {
  for (const DTypeInfo& t : all_dtypes()) {
    EXPECT_EQ(&info(t.type), &t);
    EXPECT_EQ(dtype_by_name(t.name), &t);
    if (t.gguf_id >= 0) {
      EXPECT_EQ(dtype_by_gguf_id(uint32_t(t.gguf_id)), &t);
    }
    if (!t.safetensors.empty()) {
      EXPECT_EQ(dtype_by_safetensors_name(t.safetensors), &t);
    }
  }
  EXPECT_EQ(dtype_by_gguf_id(4), nullptr);  // Q4_2, long gone
  EXPECT_EQ(dtype_by_name("q6_k"), &info(DType::q6_k));
}

TEST(DType, RowsAreWholeBlocks) {
  EXPECT_EQ(row_bytes(DType::q4_1, 576), 576 / 32 * 20);
  EXPECT_EQ(row_bytes(DType::bf16, 7), 14);
  EXPECT_THROW(row_bytes(DType::q6_k, 255), InvariantError);
}

}  // namespace fettle
