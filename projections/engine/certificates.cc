#include "projections/engine/certificates.h"

namespace parley::projections {

using postgres::Params;
using postgres::Result;

Result<void> keep(postgres::Reader& reader, const Certificate& certificate) {
  const auto rows = reader.query(
      "INSERT INTO certificates (id, projection, outcome, started, finished, document) VALUES ($1, $2, $3, $4, $5, "
      "$6::json)",
      Params(certificate.id, certificate.projection, schema::name_of(certificate.outcome), certificate.started,
             certificate.finished, schema::write(certificate)));
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::vector<Certificate>> certificates(postgres::Reader& reader, std::int64_t limit) {
  const auto rows = reader.query("SELECT document::text FROM certificates ORDER BY id DESC LIMIT $1", Params(limit));
  if (!rows) return std::unexpected(rows.error());
  std::vector<Certificate> found;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    std::string document;
    (*rows)[i].into(document);
    if (auto certificate = schema::read_text<Certificate>(document)) found.push_back(std::move(*certificate));
  }
  return found;
}

}  // namespace parley::projections
