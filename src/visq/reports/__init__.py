"""Pages made from results: what people look at when the work is done. Computes no score."""

from visq.reports.page import check_page
from visq.reports.score_report import ReportTable, write_report
from visq.reports.thumbnails import MAX_THUMBNAIL_BYTES

__all__ = ["MAX_THUMBNAIL_BYTES", "ReportTable", "check_page", "write_report"]
