# Reads requests of OTLP, one a line, by the official protobuf definitions, and prints what they have: proto3's mapping to JSON, where an unknown field or a
# value of another type is an error.
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

FORMS = {"logs": ExportLogsServiceRequest, "metrics": ExportMetricsServiceRequest}


def read(signal: str, text: str) -> dict:
    request = json_format.Parse(text, FORMS[signal]())
    # Through the wire format, as a collector passes it on.
    again = FORMS[signal].FromString(request.SerializeToString())
    return json_format.MessageToDict(again, including_default_value_fields=False)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(read(sys.argv[1], line)), flush=True)
