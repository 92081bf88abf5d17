export { parseRecordsDef, type RecordLayout } from "./layout.js";
export { type LiveRecord, LiveSegment } from "./live.js";
export { type Run, type RunEvent, readNewest, readOutput, readRun, TABLE_NAMES, type TableName } from "./run-folder.js";
export { column, decodeSegment, emptyTable, joinTables, readSegment, SegmentError, type Table } from "./segment.js";
export { encodeSegment, type Row, writeSeg } from "./write.js";
