#include "format/columnar/arrow.h"

#include <nlohmann/json.hpp>

#include "format/columnar/arrow_batch.h"
#include "format/compression.h"

namespace fettle {

namespace {

constexpr std::string_view kFileMagic = "ARROW1";
constexpr uint32_t kContinues = 0xffffffff;  // begins every message

// Slots of the tables Message and DictionaryBatch.
enum MessageSlot { kHeaderType = 1, kHeader = 2, kBodyLength = 3 };
enum DictionarySlot { kId = 0, kData = 1, kIsDelta = 2 };
enum HeaderType : uint8_t { kSchema = 1, kDictionaryBatch = 2, kRecordBatch = 3 };

struct Message {
  uint8_t type = 0;
  FlatTable header;
  std::string_view body;
};

/// The fields whose values dictionary `id` holds.
const ArrowField* find_dictionary(const std::vector<ArrowField>& fields, int64_t id) {
  for (const ArrowField& field : fields) {
    if (field.dictionary && field.dictionary->id == id) return &field;
    if (const ArrowField* inner = find_dictionary(field.children, id)) return inner;
  }
  return nullptr;
}

/// A stream of messages: the schema, then dictionaries and batches in the order they are needed.
class Stream {
 public:
  Stream(std::string_view file, const std::string& label)
      : in_(file), label_(label), limit_(file.size()), most_rows_(most_values(file.size())) {}

  void read(const RecordSink& sink) {
    located([&] { return label_; }, [&] { begin(); });
    for (;;) {
      const auto message = located([&] { return label_; }, [&] { return next(); });
      if (!message || !take(*message, sink)) return;
    }
  }

 private:
  // The file format is a stream between two magic words, with an index behind it.
  void begin() {
    if (is_file_ = in_.rest().starts_with(kFileMagic); is_file_) {
      if (!in_.rest().ends_with(kFileMagic) || in_.left() < 2 * kFileMagic.size())
        fail_data(fmt::format("the file of {} bytes does not end with \"ARROW1\"", in_.left()));
      in_.take(kFileMagic.size() + 2, "the magic word");
    }
    const auto message = next();
    if (!message || message->type != kSchema) fail_data("a stream that does not begin with a schema");
    schema_ = parse_arrow_schema(message->header);
  }

  std::optional<Message> next() {
    if (in_.left() == 0) fail_data("the stream ends without its end mark");
    const auto marker = in_.read<uint32_t>("a message's beginning");
    if (marker != kContinues)
      fail_data(fmt::format("no Arrow message: it begins with {:08x}, not {:08x}", marker, kContinues),
                "check what the file is; streams older than Arrow 0.15 must be written again");
    const auto size = in_.read<uint32_t>("a message's size");
    if (size == 0) return expect_end(), std::nullopt;
    const FlatTable table = FlatTable::root(in_.take(size, "a message"));
    const auto body = table.number<int64_t>(kBodyLength, 0);
    if (body < 0) fail_data(fmt::format("a message with a body of {} bytes", body));
    return Message{table.number<uint8_t>(kHeaderType, 0), table.table(kHeader),
                   in_.take(uint64_t(body), "a message's body")};
  }

  void expect_end() const {
    if (!is_file_ && in_.left() > 0)
      fail_data(fmt::format("{} bytes behind the stream's end mark", in_.left()),
                "write one stream to a file; several are several files in a folder");
  }

  // False: the sink has had enough.
  bool take(const Message& message, const RecordSink& sink) {
    if (message.type == kRecordBatch) return take_batch(message, sink);
    located([&] { return label_; },
            [&] {
              if (message.type != kDictionaryBatch)
                fail_data(fmt::format("a message of type {} among the batches", message.type));
              take_dictionary(message);
            });
    return true;
  }

  void take_dictionary(const Message& message) {
    const auto id = message.header.number<int64_t>(kId, 0);
    const ArrowField* field = find_dictionary(schema_, id);
    if (!field) fail_data(fmt::format("dictionary {} belongs to no column", id));
    auto kept = std::make_shared<KeptValues>(message.header.table(kData), message.body, dictionaries_,
                                             most_rows_, limit_, *field);
    ArrowDictionary& dictionary = dictionaries_[id];
    if (message.header.number<uint8_t>(kIsDelta, 0) == 0) dictionary.clear();
    dictionary.emplace_back(kept, &kept->array);
  }

  /// A dictionary's values with what they lie in.
  struct KeptValues {
    KeptValues(const FlatTable& table, std::string_view body, const ArrowDictionaries& dictionaries,
               uint64_t most_rows, UnfoldLimit& limit, const ArrowField& field)
        : batch(table, body, dictionaries, most_rows, limit), array(batch.column(field, true)) {
      batch.expect_end();
    }
    ArrowBatch batch;
    ArrowArray array;
  };

  bool take_batch(const Message& message, const RecordSink& sink) {
    ++batches_;
    const ArrowField* field = &schema_.front();
    const auto place = [&] { return fmt::format("{}: batch {}, column {}", label_, batches_, field->path); };
    ArrowBatch batch =
        located([&] { return fmt::format("{}: batch {}", label_, batches_); },
                [&] { return ArrowBatch(message.header, message.body, dictionaries_, most_rows_, limit_); });
    std::vector<ArrowArray> columns;
    located(place, [&] {
      for (const ArrowField& next : schema_) {
        field = &next;
        columns.push_back(batch.column(next));
        if (columns.back().length() != batch.rows())
          fail_data(fmt::format("{} values in a batch of {} rows", columns.back().length(), batch.rows()));
      }
      batch.expect_end();
    });
    for (int64_t r = 0; r < batch.rows(); ++r, ++index_) {
      Record record = Record::object();
      located(place, [&] {
        for (const ArrowArray& column : columns) {
          field = &column.field();
          record[field->name] = column.value(r, limit_);
        }
      });
      if (!sink(std::move(record), {.line = index_ + 1, .index = index_})) return false;
    }
    return true;
  }

  ByteCursor in_;
  bool is_file_ = false;
  const std::string& label_;
  UnfoldLimit limit_;
  uint64_t most_rows_;
  std::vector<ArrowField> schema_;
  ArrowDictionaries dictionaries_;
  int64_t batches_ = 0, index_ = 0;
};

}  // namespace

void read_arrow(std::string_view file, const std::string& label, const RecordSink& sink) {
  Stream(file, label).read(sink);
}

}  // namespace fettle
