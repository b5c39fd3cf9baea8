"""The SDK of AWS, with worthless keys: sdk.py URL. Prints what it did."""
import sys

import boto3
from botocore.config import Config

s3 = boto3.client(
    "s3",
    endpoint_url=sys.argv[1],
    region_name="eu-central-1",
    aws_access_key_id="worthless",
    aws_secret_access_key="worthless",
    aws_session_token="worthless",
    config=Config(s3={"addressing_style": "path"}),
)
# In pieces, with a checksum behind them.
s3.put_object(Bucket="bucket", Key="a b+c/d(1)'é", Body=b"x" * 3_000_000, Metadata={"who": "agent"})
print("put", flush=True)
print("got", len(s3.get_object(Bucket="bucket", Key="a b+c/d(1)'é")["Body"].read()) > 0, flush=True)
