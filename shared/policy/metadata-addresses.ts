// The single addresses on which clouds answer with an instance's data and credentials.
import type { SpecialBlock } from './special-block.js';

export const METADATA_ADDRESSES: readonly SpecialBlock[] = [
  [
    '169.254.169.254',
    'instance metadata',
    'metadata',
    'docs.aws.amazon.com/AWSEC2 instancedata-data-retrieval; Azure, GCP, OCI, OpenStack and others alike',
  ],
  [
    '169.254.170.2',
    'ECS task metadata and credentials',
    'metadata',
    'docs.aws.amazon.com/AmazonECS task-metadata-endpoint',
  ],
  ['169.254.170.23', 'EKS Pod Identity agent', 'metadata', 'docs.aws.amazon.com/eks pod-id-how-it-works'],
  ['fd00:ec2::23', 'EKS Pod Identity agent', 'metadata', 'docs.aws.amazon.com/eks pod-id-how-it-works'],
  [
    'fd00:ec2::254',
    'EC2 instance metadata',
    'metadata',
    'docs.aws.amazon.com/AWSEC2 instancedata-data-retrieval',
  ],
  [
    'fd20:ce::254',
    'Compute Engine metadata',
    'metadata',
    'cloud.google.com/compute/docs/metadata/querying-metadata',
  ],
  [
    '169.254.169.252',
    'GKE metadata server',
    'metadata',
    'cloud.google.com/kubernetes-engine/docs/concepts/workload-identity',
  ],
  [
    '168.63.129.16',
    'Azure platform (wire server)',
    'metadata',
    'learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16',
  ],
  [
    '100.100.100.200',
    'Alibaba Cloud ECS metadata',
    'metadata',
    'alibabacloud.com/help/ecs view-instance-metadata',
  ],
  [
    '192.0.0.192',
    'Oracle Cloud Classic metadata',
    'metadata',
    'docs.oracle.com/cloud/iaas-classic retrieving instance metadata',
  ],
  [
    'fd00:c1::a9fe:a9fe',
    'OCI instance metadata',
    'metadata',
    'docs.oracle.com/iaas/Content/Compute/Tasks/gettingmetadata.htm',
  ],
  [
    '169.254.42.42',
    'Scaleway instance metadata',
    'metadata',
    'docs.cloud-init.io reference/datasources/scaleway',
  ],
  [
    'fd00:42::42',
    'Scaleway instance metadata',
    'metadata',
    'docs.cloud-init.io reference/datasources/scaleway',
  ],
  [
    '169.254.0.23',
    'Tencent Cloud CVM metadata',
    'metadata',
    'cloud.tencent.com/document/product/213/4934 (metadata.tencentyun.com)',
  ],
  [
    'fe80::a9fe:a9fe',
    'OpenStack metadata',
    'metadata',
    'docs.openstack.org/neutron metadata-add-ipv6-support',
  ],
];
